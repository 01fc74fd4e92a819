/** Starts what `netsplit serve` was told: all that is heavy is loaded here. */
import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext } from "node:tls"
import { Console, Effect } from "effect"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { openDataDirectory } from "#spec-impl/https/serve/data-directory.ts"
import { serve } from "#spec-impl/https/serve/serve.ts"
import { layerMemory, MemoryDisk } from "#spec-impl/store/memory.ts"
import { UsageError } from "../outcome.ts"
import type { ServeInput } from "./options.ts"

const refuse = (message: string) => new UsageError({ message })

const readPem = (flag: string, path: string) =>
  Effect.try({
    try: () => readFileSync(path, "utf8"),
    catch: (error) =>
      refuse(
        (error as NodeJS.ErrnoException).code === "ENOENT"
          ? `--${flag}: cannot read "${path}": no such file`
          : `--${flag}: cannot read "${path}": ${(error as Error).message}`,
      ),
  })

const checked = (message: string, check: () => unknown) =>
  Effect.try({ try: check, catch: () => refuse(message) })

const readTls = Effect.fnUntraced(function* ({ certificateFile, keyFile }: NonNullable<ServeInput["tls"]>) {
  const certificate = yield* readPem("tls-cert", certificateFile)
  const key = yield* readPem("tls-key", keyFile)
  yield* checked(
    `--tls-cert: "${certificateFile}" is no certificate in PEM`,
    () => new X509Certificate(certificate),
  )
  yield* checked(`--tls-key: "${keyFile}" is no private key in PEM`, () => createPrivateKey(key))
  yield* checked(`--tls-key: "${keyFile}" is not the key of "${certificateFile}"`, () =>
    createSecureContext({ cert: certificate, key }),
  )
  return { certificate, key }
})

const readAuthorities = Effect.fnUntraced(function* (path: string) {
  const authorities = yield* readPem("ca", path)
  yield* checked(`--ca: "${path}" is no certificate in PEM`, () => new X509Certificate(authorities))
  return [authorities]
})

const signatureLayers = Effect.fnUntraced(function* ({ signatures, settings }: ServeInput) {
  const { signatureAcceptance } = settings.readings ?? readingsDefault
  if (signatures === "noble") {
    const { layerNoble, nobleSignatures } = yield* Effect.promise(
      () => import("#spec-impl/homeserver/signatures/noble.ts"),
    )
    return { layer: layerNoble(signatureAcceptance), functions: nobleSignatures(signatureAcceptance) }
  }
  const { layerNodeCryptoThreaded, nodeSignatures } = yield* Effect.promise(
    () => import("#spec-impl/homeserver/signatures/node-crypto.ts"),
  )
  return {
    layer: layerNodeCryptoThreaded(signatureAcceptance),
    functions: nodeSignatures(signatureAcceptance),
  }
})

/** Nothing that is kept: a key for this run, and a store in memory. */
const openNothing = Effect.gen(function* () {
  yield* Console.error("netsplit: without --data nothing is kept: the next start has another signing key")
  const key = { keyId: `ed25519:a_${randomBytes(3).toString("hex")}`, seed: new Uint8Array(randomBytes(32)) }
  return { key, store: layerMemory(new MemoryDisk()) }
})

const openKept = Effect.fnUntraced(function* (path: string) {
  const { key, database } = yield* openDataDirectory(path)
  const { layerSqliteStore } = yield* Effect.promise(() => import("#spec-impl/store/sqlite/sqlite-store.ts"))
  return { key, store: layerSqliteStore({ filename: database }) }
})

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: "somebody listens there already",
  EACCES: "not allowed",
  EADDRNOTAVAIL: "this machine has no such address",
}

/** Serves for as long as the scope lives. Fails with one line that says what is wrong, and where. */
export const start = (input: ServeInput) =>
  Effect.gen(function* () {
    const { serverName } = input
    const tls = input.tls === undefined ? undefined : yield* readTls(input.tls)
    const authorities =
      input.authoritiesFile === undefined ? [] : yield* readAuthorities(input.authoritiesFile)
    const signatures = yield* signatureLayers(input)
    const { key, store } = yield* input.data === undefined ? openNothing : openKept(input.data)
    return yield* serve({
      identity: {
        serverName,
        signingKey: makeSigningKey(signatures.functions, key.keyId, key.seed),
        oldKeys: [],
      },
      settings: input.settings,
      signatures: signatures.layer,
      store,
      authorities,
      allowedNetworks: input.allowedNetworks,
      federation: { ...input.listen, tls },
      client: input.clientListen,
      metrics: input.metricsListen,
      drainMsMax: input.stopWithinMs,
    })
  }).pipe(
    Effect.catchTags({
      BadDataDirectory: ({ message }) => Effect.fail(refuse(message)),
      StoreFailure: ({ detail }) => Effect.fail(refuse(detail)),
      ListenFailure: ({ code, address }) =>
        Effect.fail(refuse(`cannot listen on ${address}: ${listenProblems[code] ?? code}`)),
    }),
  )
