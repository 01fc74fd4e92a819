import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { jsonFlag } from "./json-flag.ts"
import { UsageError } from "./outcome.ts"
import { stopSignal } from "./stop-signal.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const flags = {
  serverName: text("server-name", "NAME", "The name of the homeserver, as in @user:NAME"),
  listen: text("listen", "ADDR:PORT", "Where other servers are listened to; port 0 for any that is free"),
  tlsCert: text("tls-cert", "FILE", "Certificate and chain in PEM; without it --listen speaks plain HTTP"),
  tlsKey: text("tls-key", "FILE", "Its private key in PEM"),
  ca: text("ca", "FILE", "Authorities in PEM that are trusted beside those of the system"),
  clientListen: text("client-listen", "ADDR:PORT", "Where clients are listened to, in plain HTTP"),
  metricsListen: text("metrics-listen", "ADDR:PORT", "Where GET /metrics is answered, for Prometheus"),
  data: text("data", "DIR", "Where keys and rooms are kept; netsplit-data unless given"),
  allowIp: Flag.String("allow-ip").pipe(
    Flag.withMetavar("CIDR…"),
    Flag.withDescription("Networks to connect to that are not public: loopback, private, link-local"),
    Flag.atLeast(0),
  ),
  enableRegistration: Flag.Boolean("enable-registration").pipe(
    Flag.withDescription("Let anybody register an account"),
    Flag.optional,
  ),
  signatures: Flag.Literals("signatures", ["sodium", "node", "noble"]).pipe(
    Flag.withDescription("Who signs and verifies: libsodium, node:crypto (slower), or noble, in JavaScript"),
    Flag.optional,
  ),
  requestsMax: Flag.Int("requests-max").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Requests in work at once, of one address too; more are answered 429"),
    Flag.optional,
  ),
  config: text("config", "FILE", "These same names in a JSON object; flags win"),
  json: jsonFlag,
}

/**
 * To begin with, most of the heap is what was left behind by starting. V8 keeps the room for it, unless it is told that
 * this is its last resort.
 */
const releaseGarbage = (): void => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")({ type: "major", flavor: "last-resort" })
}

/**
 * V8 lets the heap of a busy server grow to several times what is in use before it collects garbage, where the machine
 * has the memory: to half a gigabyte of eighty megabytes, under a hundred PDUs a second. Twice as much is enough.
 */
const boundGarbage = (): void => setFlagsFromString("--heap-growing-percent=100")

/** `netsplit serve`: one homeserver on the real network. */
export const serve = Command.make(
  "serve",
  flags,
  Effect.fnUntraced(function* (input) {
    const { readConfig, serveOptions } = yield* Effect.promise(() => import("./serve/serve-options.ts"))
    const { serveHomeserver } = yield* Effect.promise(
      () => import("#spec-impl/https/serve/serve-homeserver.ts"),
    )
    // What it keeps is nobody else's: rotated keys stand in the database.
    process.umask(0o077)
    boundGarbage()
    const options = yield* Effect.try({
      try: () =>
        serveOptions(
          {
            "server-name": Option.getOrUndefined(input.serverName),
            listen: Option.getOrUndefined(input.listen),
            "tls-cert": Option.getOrUndefined(input.tlsCert),
            "tls-key": Option.getOrUndefined(input.tlsKey),
            ca: Option.getOrUndefined(input.ca),
            "client-listen": Option.getOrUndefined(input.clientListen),
            "metrics-listen": Option.getOrUndefined(input.metricsListen),
            data: Option.getOrUndefined(input.data),
            "allow-ip": input.allowIp.length === 0 ? undefined : input.allowIp,
            "enable-registration": Option.getOrUndefined(input.enableRegistration),
            signatures: Option.getOrUndefined(input.signatures),
            "requests-max": Option.getOrUndefined(input.requestsMax),
          },
          Option.isSome(input.config) ? readConfig(input.config.value) : {},
        ),
      catch: (error) => (error instanceof UsageError ? error : new UsageError({ message: String(error) })),
    })
    yield* Effect.scoped(
      Effect.gen(function* () {
        const stopping = yield* stopSignal
        const server = yield* serveHomeserver(options).pipe(
          Effect.mapError((error) => new UsageError({ message: whyNot(error) })),
        )
        const { federation, client, metrics, drain } = server
        if (input.json) {
          const { serverName } = options
          yield* Console.log(JSON.stringify({ ready: true, serverName, federation, client, metrics }))
        } else {
          const scheme = options.tls === undefined ? "http (for a proxy that speaks TLS)" : "https"
          yield* Console.error(
            `netsplit: ${options.serverName} listens to servers on ${federation}, ${scheme}`,
          )
          if (client !== undefined) yield* Console.error(`netsplit: to clients on ${client}`)
          if (metrics !== undefined) yield* Console.error(`netsplit: /metrics on ${metrics}`)
        }
        releaseGarbage()
        yield* stopping
        if (!input.json) yield* Console.error("netsplit: stopping; once more to stop at once")
        yield* drain
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Run a homeserver on the real network: federation over TLS, clients over plain HTTP, everything kept in SQLite. " +
      "Stops on SIGINT and SIGTERM, when what it took is answered. Exit code: 0 stopped, 64 it cannot start so.",
  ),
  Command.withShortDescription("Run a homeserver on the real network"),
  Command.withExamples([
    {
      command:
        "netsplit serve --server-name localhost:8448 --listen 127.0.0.1:8448 --client-listen 127.0.0.1:8008 --enable-registration",
      description: "A homeserver of your own, to try a client on",
    },
  ]),
)

const whyNot = (
  error:
    | { readonly _tag: "BadDirectory"; readonly message: string }
    | { readonly _tag: "StoreFailure"; readonly detail: string }
    | { readonly _tag: "ListenFailure"; readonly code: string; readonly address: string },
): string => {
  if (error._tag === "StoreFailure") return error.detail
  if (error._tag === "BadDirectory") return error.message
  const reason = { EADDRINUSE: "somebody listens there already", EACCES: "that is not allowed here" }[
    error.code
  ]
  return `cannot listen on ${error.address}: ${reason ?? error.code}`
}
