/** A homeserver that serves: its store in a directory, its listeners on the real network. */
import { availableParallelism } from "node:os"
import { performance } from "node:perf_hooks"
import type { Scope } from "effect"
import { Context, Effect, ErrorReporter, Latch, Layer } from "effect"
import type { IpNetwork } from "effect/net"
import { DeriveKey, deriveBeside } from "../../client-api/accounts/passwords.ts"
import { clientRoutes } from "../../client-api/server.ts"
import { Sync } from "../../client-api/sync/sync.ts"
import { readingsDefault } from "../../core/readings.ts"
import { holdFewRecent } from "../../core/recent.ts"
import { federationHandler } from "../../federation/server.ts"
import { wireHandler } from "../../federation/wire.ts"
import { layerChapters } from "../../homeserver/homeserver.ts"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { Listening } from "../../homeserver/listening.ts"
import type { HomeserverSettings } from "../../homeserver/settings.ts"
import { layerNative, layerNativeThreaded } from "../../homeserver/signatures/native.ts"
import { layerNoble } from "../../homeserver/signatures/noble.ts"
import { type NativeName, Signatures } from "../../homeserver/signatures/signatures.ts"
import { makeSigningKey } from "../../homeserver/signatures/signing-key.ts"
import { makeStopwatch, Stopwatch } from "../../homeserver/stopwatch.ts"
import type { StoreFailure } from "../../store/event-store.ts"
import { layerSqliteStore } from "../../store/sqlite/sqlite-store.ts"
import { layerRealHomeserver } from "../real-homeserver.ts"
import { BadDirectory, type DataDirectory, holdDataDirectory } from "./data-directory.ts"
import { withKeptKeys } from "./kept-keys.ts"
import { clientLimits, federationLimits, type ListenerLimits, metricsLimits } from "./limits.ts"
import { type Listener, type ListenFailure, listen } from "./listener.ts"
import { metricsHandler, withHealth } from "./metrics.ts"
import { BadKeyFile, readOrMakeSigningKey } from "./signing-key-file.ts"

/** About six kilobytes each. */
const heldMessagesMax = 5_000

/** As many events as a transaction brings, and some. */
const recentMax = 128

/** An address to listen on; port 0 for one that the system chooses. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface ServeOptions {
  readonly serverName: string
  readonly dataDirectory: string
  readonly federation: ListenAddress
  /** In PEM; without it the federation listener speaks plain HTTP, for a proxy that speaks TLS. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  readonly client: ListenAddress | undefined
  readonly metrics: ListenAddress | undefined
  /** Certificates in PEM of authorities that are trusted beside those of the system. */
  readonly authorities: readonly string[]
  /** Networks that may be connected to beside the public ones. */
  readonly allowedNetworks: readonly IpNetwork.IpNetwork[]
  readonly signatures: NativeName | "noble"
  readonly settings: Partial<HomeserverSettings>
  /** In the place of the limits of both listeners, for whoever measures. */
  readonly limits?: Partial<ListenerLimits>
}

/** A homeserver that takes requests. */
export interface ServingHomeserver {
  /** `address:port` of each listener, as they turned out. */
  readonly federation: string
  readonly client: string | undefined
  readonly metrics: string | undefined
  /** Takes nothing more, and is done when what was taken is answered. */
  readonly drain: Effect.Effect<void>
}

/** What keeps it from starting; the message is one line for people. */
export type ServeFailure = BadDirectory | StoreFailure | ListenFailure

/** Several connections are read in no order, and a busy server reads late: by then the others are there. */
const parentsWaitMs = 100

/** Off the main thread only where there is another core to do it on: else it would cost a detour for each signature. */
const layerSignatures = ({ signatures, settings }: ServeOptions): Layer.Layer<Signatures> => {
  const { signatureAcceptance } = settings.readings ?? readingsDefault
  if (signatures === "noble") return layerNoble(signatureAcceptance)
  return availableParallelism() > 1
    ? layerNativeThreaded(signatureAcceptance, signatures)
    : layerNative(signatureAcceptance, signatures)
}

/** A handler that died was answered 500: this is how the operator hears of it. */
const layerReporter = ErrorReporter.layer([
  ErrorReporter.make(
    ({ error }) => void process.stderr.write(`netsplit: a request failed: ${error.stack}\n`),
  ),
])

/** Starts a homeserver, which runs until the scope is closed. */
export const serveHomeserver = (
  options: ServeOptions,
): Effect.Effect<ServingHomeserver, ServeFailure, Scope.Scope> =>
  Effect.gen(function* () {
    holdFewRecent(recentMax)
    const files = yield* holdDataDirectory(options.dataDirectory)
    const signatures = yield* Effect.map(Layer.build(layerSignatures(options)), (built) =>
      Context.get(built, Signatures),
    )
    const signingKey = yield* readSigningKey(files, signatures)
    const listening = Latch.makeUnsafe(false)
    const stopwatch = makeStopwatch(() => performance.now())
    const services = yield* Layer.build(
      layerRealHomeserver({
        identity: { serverName: options.serverName, signingKey, oldKeys: [] },
        settings: { heldMessagesMax, parentsWaitMs, ...options.settings },
        signatures: Layer.succeed(Signatures, signatures),
        store: layerSqliteStore({ filename: files.databaseFile }),
        authorities: options.authorities,
        allowedNetworks: options.allowedNetworks,
      }).pipe(
        Layer.provideMerge(Layer.succeed(Stopwatch, stopwatch)),
        Layer.provideMerge(Layer.succeed(DeriveKey, deriveBeside)),
        Layer.provideMerge(Layer.succeed(Listening, listening)),
      ),
    )
    const federation = yield* Effect.provide(federationHandler(layerChapters), services)
    const clients = yield* Effect.provide(wireHandler(clientRoutes), services)
    const limited = (limits: ListenerLimits) => ({ limits: { ...limits, ...options.limits } })
    const listeners = {
      federation: yield* listen(
        { ...options.federation, tls: options.tls, ...limited(federationLimits) },
        withHealth(withKeptKeys(federation, Context.get(services, KeyRing))),
      ),
      client:
        options.client &&
        (yield* listen({ ...options.client, ...limited(clientLimits) }, withHealth(clients))),
      metrics:
        options.metrics &&
        (yield* listen({ ...options.metrics, limits: metricsLimits }, metricsHandler(stopwatch))),
    }
    listening.openUnsafe()
    const all = Object.values(listeners).filter((listener): listener is Listener => listener !== undefined)
    return {
      federation: listeners.federation.address,
      client: listeners.client?.address,
      metrics: listeners.metrics?.address,
      drain: Effect.andThen(
        Context.get(services, Sync).stopWaiting,
        Effect.forEach(all, ({ drain }) => drain, { concurrency: "unbounded", discard: true }),
      ),
    }
  }).pipe(Effect.provide(layerReporter))

const readSigningKey = ({ signingKeyFile }: DataDirectory, signatures: Signatures["Service"]) =>
  Effect.try({
    try: () => {
      const { keyId, seed } = readOrMakeSigningKey(signingKeyFile, (length) =>
        crypto.getRandomValues(new Uint8Array(length)),
      )
      return makeSigningKey(signatures, keyId, seed)
    },
    catch: (error) =>
      new BadDirectory({
        message:
          error instanceof BadKeyFile
            ? error.message
            : `cannot use "${signingKeyFile}": ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      }),
  })
