/** What `netsplit serve` is told, by flags and by a file. */
import { Effect, FileSystem, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import { isServerName } from "#spec-impl/core/identifiers.ts"
import { parseJson } from "#spec-impl/core/json/parse.ts"
import { isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { HomeserverSettings } from "#spec-impl/homeserver/settings.ts"
import { suggestName } from "../nearest-name.ts"
import { UsageError } from "../outcome.ts"
import { readSettings } from "./settings.ts"

/** Understood, but not looked at: no file but the configuration was read. */
export interface ServeInput {
  readonly serverName: string
  readonly listen: Place
  readonly tls: { readonly certificateFile: string; readonly keyFile: string } | undefined
  readonly authoritiesFile: string | undefined
  readonly clientListen: Place | undefined
  readonly metricsListen: Place | undefined
  readonly data: string | undefined
  readonly allowedNetworks: readonly IpNetwork.IpNetwork[]
  readonly signatures: "node" | "noble"
  readonly stopWithinMs: number
  readonly settings: Partial<HomeserverSettings>
}

interface Place {
  readonly host: string
  readonly port: number
}

const refuse = (message: string) => new UsageError({ message })

type Given = Readonly<Record<string, JsonValue>>

/** The kinds of value that the file may have for each flag. */
const kinds = {
  "server-name": "string",
  listen: "string",
  "tls-cert": "string",
  "tls-key": "string",
  ca: "string",
  "client-listen": "string",
  "metrics-listen": "string",
  data: "string",
  "allow-ip": "list",
  "enable-registration": "boolean",
  signatures: "string",
  "stop-within": "string",
  settings: "object",
  readings: "object",
} as const
type Name = keyof typeof kinds

const kindOf = (value: JsonValue): string =>
  Array.isArray(value) ? "list" : isJsonObject(value) ? "object" : typeof value

const readConfig = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const bytes = yield* files
    .readFile(path)
    .pipe(Effect.mapError(({ message }) => refuse(`cannot read "${path}": ${message.split("\n")[0]}`)))
  const config = yield* Effect.try({
    try: () => parseJson(bytes, "strict"),
    catch: (error) => refuse(`"${path}" is not JSON: ${(error as Error).message}`),
  })
  if (!isJsonObject(config)) return yield* refuse(`"${path}" is not a JSON object`)
  for (const [name, value] of Object.entries(config)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name as Name] : undefined
    if (kind === undefined) {
      return yield* refuse(`"${path}" has an unknown "${name}"; ${suggestName(name, Object.keys(kinds))}`)
    }
    const isNumber = name === "stop-within" && typeof value === "number"
    if (kindOf(value) !== kind && !isNumber) {
      return yield* refuse(`"${name}" in "${path}" wants a ${kind}, not ${JSON.stringify(value)}`)
    }
  }
  return config as Given
})

const readPlace = (name: Name, text: string): Effect.Effect<Place, UsageError> => {
  const [, host = "", port = ""] = /^(?:\[(?=.*\]))?([^[\]]*)\]?:(\d{1,5})$/.exec(text) ?? []
  const isAddress = Result.isSuccess(NetAddress.ipFromString(host))
  return isAddress && Number(port) <= 65_535
    ? Effect.succeed({ host, port: Number(port) })
    : Effect.fail(
        refuse(`--${name} wants an IP address and a port, as 127.0.0.1:8448 or [::1]:8448, not "${text}"`),
      )
}

/** Reads the file, if there is one, and puts the flags over it. Fails with one line on the first thing that is wrong. */
export const readServeOptions = Effect.fnUntraced(function* (
  config: string | undefined,
  flags: Given,
): Effect.fn.Return<ServeInput, UsageError, FileSystem.FileSystem> {
  const told = { ...(config === undefined ? {} : yield* readConfig(config)), ...flags }
  const text = (name: Name): string | undefined => (told[name] === undefined ? undefined : String(told[name]))
  const place = (name: Name) => {
    const value = text(name)
    return value === undefined ? Effect.succeed(undefined) : readPlace(name, value)
  }

  const serverName = text("server-name")
  if (serverName === undefined) return yield* refuse("--server-name is missing; try 'netsplit serve --help'")
  if (!isServerName(serverName)) {
    return yield* refuse(
      `--server-name wants a server name, as hs.example or 127.0.0.1:8448, not "${serverName}"`,
    )
  }
  const listen = yield* place("listen")
  if (listen === undefined) return yield* refuse("--listen is missing; try 'netsplit serve --help'")
  const certificateFile = text("tls-cert")
  const keyFile = text("tls-key")
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    return yield* refuse("--tls-cert and --tls-key belong together: one of them is missing")
  }
  const allowedNetworks: IpNetwork.IpNetwork[] = []
  for (const network of (told["allow-ip"] ?? []) as readonly JsonValue[]) {
    const read = IpNetwork.fromString(
      String(network).includes("/")
        ? String(network)
        : `${network}/${String(network).includes(":") ? 128 : 32}`,
    )
    if (Result.isFailure(read)) {
      return yield* refuse(`--allow-ip wants networks, as 127.0.0.0/8 or fd00::/8, not "${network}"`)
    }
    allowedNetworks.push(read.success)
  }
  const signatures = text("signatures") ?? "node"
  if (signatures !== "node" && signatures !== "noble") {
    return yield* refuse(`--signatures wants "node" | "noble", not "${signatures}"`)
  }
  const stopWithin = text("stop-within") ?? "10"
  if (!/^\d{1,4}$/.test(stopWithin)) {
    return yield* refuse(`--stop-within wants a whole number of seconds, not "${stopWithin}"`)
  }
  return {
    serverName,
    listen,
    tls: certificateFile === undefined ? undefined : { certificateFile, keyFile: keyFile! },
    authoritiesFile: text("ca"),
    clientListen: yield* place("client-listen"),
    metricsListen: yield* place("metrics-listen"),
    data: text("data"),
    allowedNetworks,
    signatures,
    stopWithinMs: Number(stopWithin) * 1_000,
    settings: {
      ...(yield* readSettings(told.settings ?? {}, told.readings ?? {})),
      ...(told["enable-registration"] === undefined
        ? {}
        : { enableRegistration: told["enable-registration"] === true }),
    },
  }
})
