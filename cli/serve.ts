import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { jsonFlag } from "./json-flag.ts"
import { StopSignal } from "./serve/stop-signal.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const parameters = {
  "server-name": text("server-name", "NAME", "The name of the homeserver, before delegation"),
  listen: text("listen", "ADDR:PORT", "Where other servers come in; port 0 for one that the system chooses"),
  "tls-cert": text(
    "tls-cert",
    "FILE",
    "The certificate of the federation listener and its chain (PEM). Without it that listener is plain HTTP, which " +
      "is right only behind a reverse proxy that speaks TLS",
  ),
  "tls-key": text("tls-key", "FILE", "The key of that certificate (PEM)"),
  ca: text("ca", "FILE", "Authorities that other servers' certificates may be of, beside the system's (PEM)"),
  "client-listen": text("client-listen", "ADDR:PORT", "Where clients come in, by plain HTTP; and /health"),
  "metrics-listen": text("metrics-listen", "ADDR:PORT", "Where /metrics (Prometheus text) and /health are"),
  data: text(
    "data",
    "DIR",
    "Where the signing key and the database are kept; without it all is lost at the end",
  ),
  "allow-ip": Flag.String("allow-ip").pipe(
    Flag.withMetavar("CIDR…"),
    Flag.withDescription(
      "Networks that may be connected to although they are loopback, private or link-local",
    ),
    Flag.atLeast(0),
  ),
  "enable-registration": Flag.Boolean("enable-registration").pipe(
    Flag.withDescription("Let anybody register who reaches the client listener"),
    Flag.withDefault(false),
  ),
  signatures: Flag.Literals("signatures", ["node", "noble"]).pipe(
    Flag.withDescription("Ed25519 by node:crypto, off the main thread, unless it says noble"),
    Flag.optional,
  ),
  "stop-within": text(
    "stop-within",
    "SECONDS",
    "How long requests in work may take when it stops; 10 unless given",
  ),
  config: text(
    "config",
    "FILE",
    "JSON with the names of these flags; flags win. `settings` and `readings` tell more",
  ),
  json: jsonFlag,
}

/** What was given on the command line, by flag. */
const given = ({ config: _, json: __, ...flags }: Command.Command.Config.Infer<typeof parameters>) =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]): [string, JsonValue][] => {
      if (Option.isOption(value)) return Option.isSome(value) ? [[name, value.value]] : []
      const isSilent = value === false || (Array.isArray(value) && value.length === 0)
      return isSilent ? [] : [[name, value]]
    }),
  )

/** `netsplit serve`: a homeserver on the real network, until it is told to stop. */
export const serve = Command.make(
  "serve",
  parameters,
  Effect.fnUntraced(function* (input) {
    const signal = yield* StopSignal
    const { readServeOptions } = yield* Effect.promise(() => import("./serve/options.ts"))
    const options = yield* readServeOptions(Option.getOrUndefined(input.config), given(input))
    const { start } = yield* Effect.promise(() => import("./serve/start.ts"))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const serving = yield* start(options)
        const { federation, client, metrics } = serving
        const places = { federation, ...(client && { client }), ...(metrics && { metrics }) }
        if (input.json) {
          yield* Console.log(JSON.stringify({ ready: true, serverName: options.serverName, ...places }))
        } else {
          const list = Object.entries(places).map(([name, place]) => `${name} on ${place}`)
          yield* Console.log(`${options.serverName} is ready: ${list.join(", ")}`)
        }
        yield* signal.received
        yield* Console.error("netsplit: stopping; once more to stop at once")
        yield* serving.drain
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Run a homeserver on the real network, until SIGINT or SIGTERM. Prints one line when it is ready. " +
      "Exit code: 0 stopped as told, 64 wrong usage.",
  ),
  Command.withShortDescription("Run a homeserver on the real network"),
  Command.withExamples([
    {
      command:
        "netsplit serve --server-name hs.example --listen 0.0.0.0:8448 --tls-cert cert.pem --tls-key key.pem --data hs",
      description: "A homeserver that keeps all it knows in ./hs",
    },
    {
      command:
        "netsplit serve --server-name localhost:8448 --listen 127.0.0.1:8448 --tls-cert cert.pem --tls-key key.pem " +
        "--ca ca.pem --allow-ip 127.0.0.0/8 --client-listen 127.0.0.1:8008 --enable-registration",
      description: "One of several on this machine, that keeps nothing",
    },
  ]),
)
