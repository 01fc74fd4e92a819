/** A `netsplit serve` of our own on loopback, with one processor to itself, its data in SQLite. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Authority } from "../origin/certificates.ts"
import { Exchange } from "./exchange.ts"
import { LoadFailure } from "./failure.ts"
import { splitProcessors } from "./processors.ts"
import { joinAs, registerUser, type Target } from "./target.ts"

/** The name of a target that we start ourselves. Nobody looks it up: the origin knows where it is. */
export const ownTargetName = "target.load.test"

/** All load comes from one address, and an open model has as much under way as it takes. */
const requestsMax = 4_096

const host = "127.0.0.1"
/** As anybody starts it: on one processor the launcher tells Node so. */
const launcher = fileURLToPath(new URL("../../netsplit", import.meta.url))

export interface OwnTargetOptions {
  /** Where it keeps all that it has: another start on the same directory finds it again. */
  readonly directory: string
  readonly authority: Authority
  /** Whether it has one processor to itself, and nothing but that. */
  readonly isPinned: boolean
  /** Whether its federation listener speaks plain HTTP, as behind a proxy. */
  readonly isPlain?: boolean
  /** The port that it had before, for those who go on asking there. */
  readonly federation?: number
  /** Further arguments of `netsplit serve`. */
  readonly serveArguments?: readonly string[]
  /** Takes what the server writes. */
  readonly log: (text: string) => void
}

/** A target that can be killed. */
export interface OwnTarget extends Target {
  readonly child: ChildProcess
  readonly clients: Exchange
}

/** Starts it, and waits until it answers. */
export const startOwnTarget = async (options: OwnTargetOptions): Promise<OwnTarget> => {
  const { directory, authority, isPinned, isPlain = false, serveArguments = [], log } = options
  mkdirSync(directory, { recursive: true })
  const tls = authority.issue(host, ownTargetName)
  const file = (name: string, content: string): string => {
    const path = join(directory, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }
  const { federation: port = 0 } = options
  const serve = [
    ...["serve", "--server-name", ownTargetName, "--listen", `${host}:${port}`],
    ...(isPlain
      ? []
      : ["--tls-cert", file("tls.pem", tls.certificate), "--tls-key", file("tls.key", tls.key)]),
    ...["--ca", file("authority.pem", authority.certificate), "--allow-ip", "127.0.0.0/8"],
    ...["--client-listen", `${host}:0`, "--metrics-listen", `${host}:0`],
    ...["--data", join(directory, "data"), "--enable-registration", "--json"],
    ...["--requests-max", String(requestsMax)],
    ...serveArguments,
  ]
  const split = isPinned ? splitProcessors() : undefined
  const netsplit = [launcher, ...serve]
  const [command, ...rest] =
    split === undefined ? netsplit : ["taskset", "-c", String(split.target), ...netsplit]
  const child = spawn(command!, rest, { stdio: ["ignore", "pipe", "pipe"] })
  const ready = await untilReady(child, log)
  const federation = isPlain
    ? new Exchange(`http://${ready.federation}`)
    : new Exchange(`https://${ready.federation}`, authority.certificate)
  const clients = new Exchange(`http://${ready.client}`)
  let token: string | undefined
  return {
    child,
    clients,
    address: { serverName: ownTargetName, url: federation.url, authority: authority.certificate },
    federation,
    join: async (roomId, via) => {
      token ??= await registerUser(clients)
      await joinAs(clients, token)(roomId, via)
    },
    metricsUrl: `http://${ready.metrics}/metrics`,
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

/** Where it turned out to listen, as its first line says (`--json`). */
interface Ready {
  readonly federation: string
  readonly client: string
  readonly metrics: string
}

const untilReady = (child: ChildProcess, log: (text: string) => void): Promise<Ready> =>
  new Promise((resolve, reject) => {
    let told = ""
    let complained = ""
    const fail = (why: string) => reject(new LoadFailure(`netsplit serve did not start: ${why}`))
    const impatience = setTimeout(() => fail("it is not ready after a minute"), startMsMax)
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      told += text
      const end = told.indexOf("\n")
      if (end < 0) return
      clearTimeout(impatience)
      resolve(JSON.parse(told.slice(0, end)) as Ready)
    })
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complained = `${complained}${text}`.slice(-2_000)
      log(text)
    })
    child.once("error", (error) => fail(error.message))
    child.once("close", () => {
      clearTimeout(impatience)
      fail(complained.trim().split("\n").at(-1) ?? "it ended")
    })
  })

const stopProcess = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  const impatience = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
  await ended
  clearTimeout(impatience)
}
