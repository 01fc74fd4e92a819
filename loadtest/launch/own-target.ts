/** A `netsplit serve` of our own on loopback, with one processor to itself, its data in SQLite. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Authority } from "../origin/certificates.ts"
import { Exchange } from "./exchange.ts"
import { LoadFailure } from "./failure.ts"
import { splitProcessors } from "./processors.ts"
import { joinAs, registerUser, type Target } from "./target.ts"

/** The name of a target that we start ourselves. Nobody looks it up: the origin knows where it is. */
export const ownTargetName = "target.load.test"

const host = "127.0.0.1"
const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url))

export interface OwnTargetOptions {
  /** Where it keeps all that it has: another start on the same directory finds it again. */
  readonly directory: string
  readonly authority: Authority
  /** Whether it has one processor to itself, and nothing but that. */
  readonly isPinned: boolean
  /** Further arguments of `netsplit serve`. */
  readonly serveArguments?: readonly string[]
  /** Takes what the server writes. */
  readonly log: (text: string) => void
}

/** A target that can be killed. */
export interface OwnTarget extends Target {
  readonly child: ChildProcess
}

/** Ports that are free now. Somebody else may be faster: then the server says so. */
const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, host))
  const ports = await Promise.all(
    servers.map(async (server) => {
      await once(server, "listening")
      const address = server.address()
      return typeof address === "object" && address !== null ? address.port : 0
    }),
  )
  await Promise.all(servers.map((server) => once(server.close(), "close")))
  return ports
}

/** Starts it, and waits until it answers. */
export const startOwnTarget = async (options: OwnTargetOptions): Promise<OwnTarget> => {
  const { directory, authority, isPinned, serveArguments = [], log } = options
  mkdirSync(directory, { recursive: true })
  const tls = authority.issue(host)
  const file = (name: string, content: string): string => {
    const path = join(directory, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }
  const [federationPort, clientPort, metricsPort] = await freePorts(3)
  const serve = [
    ...["serve", "--server-name", ownTargetName, "--listen", `${host}:${federationPort}`],
    ...["--tls-cert", file("tls.pem", tls.certificate), "--tls-key", file("tls.key", tls.key)],
    ...["--ca", file("authority.pem", authority.certificate), "--allow-ip", "127.0.0.0/8"],
    ...["--client-listen", `${host}:${clientPort}`, "--metrics-listen", `${host}:${metricsPort}`],
    ...["--data", join(directory, "data"), "--enable-registration"],
    ...serveArguments,
  ]
  const split = isPinned ? splitProcessors() : undefined
  const node = [process.execPath, main, ...serve]
  const [command, ...rest] = split === undefined ? node : ["taskset", "-c", String(split.target), ...node]
  const child = spawn(command!, rest, { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-2_000)
      log(text)
    })
  }
  const federation = new Exchange(`https://${host}:${federationPort}`, authority.certificate)
  const clients = new Exchange(`http://${host}:${clientPort}`)
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null
  await untilAnswering(federation, isOver, () => said)
  let token: string | undefined
  return {
    child,
    address: { serverName: ownTargetName, url: federation.url, authority: authority.certificate },
    federation,
    join: async (roomId, via) => {
      token ??= await registerUser(clients)
      await joinAs(clients, token)(roomId, via)
    },
    metricsUrl: `http://${host}:${metricsPort}/metrics`,
    pid: child.pid,
    processor: split?.target,
    stop: async () => {
      await federation.close()
      await clients.close()
      await stopProcess(child)
    },
  }
}

const startMsMax = 60_000
const stopMsMax = 30_000

const untilAnswering = async (
  federation: Exchange,
  isOver: () => boolean,
  said: () => string,
): Promise<void> => {
  const started = performance.now()
  for (;;) {
    if (isOver()) throw new LoadFailure(`netsplit serve did not start: ${said().trim().split("\n").at(-1)}`)
    try {
      const { status } = await federation.ask({ method: "GET", path: "/_matrix/key/v2/server" })
      if (status === 200) return
    } catch {
      // Not yet.
    }
    if (performance.now() - started > startMsMax) {
      throw new LoadFailure(`netsplit serve does not answer at ${federation.url} after a minute`)
    }
    await sleep(50)
  }
}

const stopProcess = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const impatience = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
  await ended
  clearTimeout(impatience)
}
