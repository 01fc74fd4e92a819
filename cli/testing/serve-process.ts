/** For tests: `netsplit serve` in a process of its own, on the loopback interface. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { fileURLToPath } from "node:url"

const launcher = fileURLToPath(new URL("../../netsplit", import.meta.url))
export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../../spec-impl/https/fixtures/${name}`, import.meta.url))

/** A port that was free a moment ago: a server name has its port in it before anybody listens there. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no port is free")
  return address.port
}

export interface ServeProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** From the start of the process to its ready line. */
  readonly startMs: number
  readonly federation: string
  /** Base URL of the client-server API. */
  readonly clientUrl: string
  readonly metricsUrl: string
  /** All that it has said on stderr. */
  readonly complaints: () => string
  /** Sends a signal, and waits for the end: the exit code, or the signal that ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | NodeJS.Signals | null>
}

/** The arguments of a server with that name that trusts the authority of the fixtures, and may connect to loopback. */
export const loopbackArguments = (
  serverName: string,
  listen: string,
  directory: string,
): readonly string[] => [
  ...["--server-name", serverName, "--listen", listen, "--data", directory],
  ...["--tls-cert", fixturePath("valid.pem"), "--tls-key", fixturePath("server.key")],
  ...["--ca", fixturePath("authority.pem"), "--allow-ip", "127.0.0.0/8", "::1/128"],
  ...["--client-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--enable-registration"],
]

/** Runs `netsplit serve` to its end, which is expected to come by itself. */
export const runServe = async (argv: readonly string[]) => {
  const child = spawn(launcher, ["serve", ...argv], { stdio: ["ignore", "ignore", "pipe"] })
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk
  })
  const [exitCode] = (await once(child, "close")) as [number | null]
  return { exitCode, stderr }
}

/** Starts `netsplit serve`, and waits until it is ready. */
export const startServe = async (argv: readonly string[]): Promise<ServeProcess> => {
  const startedMs = performance.now()
  const child = spawn(launcher, ["serve", "--json", ...argv], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  let complaints = ""
  child.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk
  })
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>
  const line = await Promise.race([
    once(child.stdout, "data").then(([chunk]) => String(chunk)),
    closed.then(([code]) => {
      throw new Error(`netsplit serve ended with ${code}: ${complaints}`)
    }),
  ])
  const ready = JSON.parse(line) as { federation: string; client?: string; metrics?: string }
  return {
    child,
    pid: child.pid!,
    startMs: performance.now() - startedMs,
    federation: ready.federation,
    clientUrl: `http://${ready.client}`,
    metricsUrl: `http://${ready.metrics}`,
    complaints: () => complaints,
    end: async (signal) => {
      child.kill(signal)
      const [code, by] = await closed
      return code ?? by
    },
  }
}

/** What of the process is in memory, in MiB. */
export const residentMiB = (pid: number): number => {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? []
  return Number(kibibytes) / 1_024
}
