/** What `netsplit serve` was told, by flags and by a file, as the homeserver takes it. */
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { Result } from "effect"
import { IpNetwork } from "effect/net"
import { suggestName } from "#sim/explore/nearest-name.ts"
import { isServerName, parseServerName } from "#spec-impl/core/identifiers.ts"
import { nativeDefault, natives } from "#spec-impl/homeserver/signatures/native.ts"
import type { ListenAddress, ServeOptions } from "#spec-impl/https/serve/serve-homeserver.ts"
import { UsageError } from "../outcome.ts"
import { readSettings } from "./settings.ts"

/** By the name of the flag, which is the name in the file too; undefined where it was not given. */
export interface Told {
  readonly "server-name"?: string | undefined
  readonly listen?: string | undefined
  readonly "tls-cert"?: string | undefined
  readonly "tls-key"?: string | undefined
  readonly ca?: string | undefined
  readonly "client-listen"?: string | undefined
  readonly "metrics-listen"?: string | undefined
  readonly data?: string | undefined
  readonly "allow-ip"?: readonly string[] | undefined
  readonly "enable-registration"?: boolean | undefined
  readonly signatures?: string | undefined
  readonly "requests-max"?: number | undefined
  /** In a file alone: see `settings.ts`. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
  readonly readings?: Readonly<Record<string, unknown>> | undefined
}

const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isText = (value: unknown): boolean => typeof value === "string"

/** Whether a value of the file is of the kind that its name wants. */
const kinds: { readonly [Name in keyof Required<Told>]: (value: unknown) => boolean } = {
  "server-name": isText,
  listen: isText,
  "tls-cert": isText,
  "tls-key": isText,
  ca: isText,
  "client-listen": isText,
  "metrics-listen": isText,
  data: isText,
  "allow-ip": (value) => Array.isArray(value) && value.every(isText),
  "enable-registration": (value) => typeof value === "boolean",
  signatures: isText,
  "requests-max": (value) => Number.isSafeInteger(value),
  settings: isObject,
  readings: isObject,
}

const wrong = (message: string): UsageError => new UsageError({ message })

/** The text of a file. Throws `UsageError`. */
const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    throw wrong(`cannot read "${path}": ${(error as NodeJS.ErrnoException).code ?? String(error)}`)
  }
}

/** What a file says: one JSON object with the names of the flags. Throws `UsageError`. */
export const readConfig = (path: string): Told => {
  let config: unknown
  const text = read(path)
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw wrong(`"${path}" is no JSON: ${(error as Error).message}`)
  }
  if (!isObject(config)) throw wrong(`"${path}" is no JSON object`)
  for (const [name, value] of Object.entries(config as object)) {
    if (!Object.hasOwn(kinds, name)) {
      throw wrong(`"${path}": there is no "${name}"; ${suggestName(name, Object.keys(kinds))}`)
    }
    if (!kinds[name as keyof Told](value)) throw wrong(`"${path}": "${name}" is of the wrong kind`)
  }
  return config as Told
}

const parseListen = (name: string, text: string): ListenAddress => {
  const colon = text.lastIndexOf(":")
  const host = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, "$1")
  const digits = text.slice(colon + 1)
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN
  if (colon <= 0 || !(port <= 65_535)) {
    throw wrong(`--${name} ${text}: an address and a port are wanted, as 127.0.0.1:8448 or [::1]:8448`)
  }
  return { host, port }
}

const parseNetwork = (text: string): IpNetwork.IpNetwork => {
  const whole = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`
  const network = IpNetwork.fromString(whole)
  if (Result.isFailure(network)) throw wrong(`--allow-ip ${text}: a network is wanted, as 127.0.0.0/8`)
  return network.success
}

const readTls = (certificateFile: string | undefined, keyFile: string | undefined): ServeOptions["tls"] => {
  if (certificateFile === undefined && keyFile === undefined) return undefined
  if (certificateFile === undefined) throw wrong("--tls-key without --tls-cert: both are wanted, or neither")
  if (keyFile === undefined) throw wrong("--tls-cert without --tls-key: both are wanted, or neither")
  const certificate = read(certificateFile)
  const key = read(keyFile)
  let first: X509Certificate
  try {
    first = new X509Certificate(certificate)
  } catch {
    throw wrong(`"${certificateFile}" holds no certificate in PEM`)
  }
  try {
    if (!first.checkPrivateKey(createPrivateKey(key))) {
      throw wrong(`the key in "${keyFile}" is not that of the certificate in "${certificateFile}"`)
    }
  } catch (error) {
    throw error instanceof UsageError ? error : wrong(`"${keyFile}" holds no private key in PEM`)
  }
  return { certificate, key }
}

const readAuthorities = (path: string): readonly string[] => {
  const found = read(path).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw wrong(`"${path}" holds no certificate in PEM`)
  return found
}

const readSignatures = (name: string = nativeDefault): ServeOptions["signatures"] => {
  if (name !== "noble" && name !== "node" && name !== "sodium") {
    throw wrong(`--signatures ${name}: sodium, node or noble is wanted`)
  }
  if (name === "noble" || natives[name] !== undefined) return name
  throw wrong(`--signatures ${name}: sodium-native has no build for this machine; node or noble is wanted`)
}

/** `told` once it was checked: flags before `config`. Throws `UsageError`. */
export const serveOptions = (flags: Told, config: Told): ServeOptions => {
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as Told
  const told: Told = { ...config, ...given }
  const serverName = told["server-name"]
  if (serverName === undefined) throw wrong("a homeserver needs a name: --server-name example.org")
  if (!isServerName(serverName) || parseServerName(serverName) === undefined) {
    throw wrong(`--server-name ${serverName}: that is no server name (a host, with or without a port)`)
  }
  if (told.listen === undefined)
    throw wrong("where are other servers to be listened to? --listen 127.0.0.1:8448")
  const { "requests-max": requestsMax } = told
  const optional = (name: "client-listen" | "metrics-listen") => {
    const text = told[name]
    return text === undefined ? undefined : parseListen(name, text)
  }
  return {
    serverName,
    dataDirectory: told.data ?? "netsplit-data",
    federation: parseListen("listen", told.listen),
    tls: readTls(told["tls-cert"], told["tls-key"]),
    client: optional("client-listen"),
    metrics: optional("metrics-listen"),
    authorities: told.ca === undefined ? [] : readAuthorities(told.ca),
    allowedNetworks: (told["allow-ip"] ?? []).map(parseNetwork),
    signatures: readSignatures(told.signatures),
    settings: {
      ...readSettings(told.settings ?? {}, told.readings ?? {}),
      enableRegistration: told["enable-registration"] ?? false,
    },
    ...(requestsMax === undefined ? {} : { limits: { requestsMax, requestsOfAddressMax: requestsMax } }),
  }
}
