/** Homeservers on a simulated network, each of them whole: the code that serves HTTPS, over bytes in memory. */
import { Context, Effect, Exit, Hash, Latch, Layer, Scope } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { clientRoutes } from "#spec-impl/client-api/server.ts"
import { policyServerKeyId } from "#spec-impl/core/signing.ts"
import { FederationClient } from "#spec-impl/federation/client.ts"
import { layerDirectClient } from "#spec-impl/federation/direct/client.ts"
import { directHandler } from "#spec-impl/federation/direct/server.ts"
import { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import { federationHandler } from "#spec-impl/federation/server.ts"
import { IdentityServers } from "#spec-impl/federation/third-party-invites/identity-servers.ts"
import { WebClient } from "#spec-impl/federation/web-client.ts"
import { WireError, type WireHandler, wireHandler, wireHttpClient } from "#spec-impl/federation/wire.ts"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import { Destinations } from "#spec-impl/homeserver/destinations.ts"
import { type HomeserverServices, layerChapters, layerHomeserver } from "#spec-impl/homeserver/homeserver.ts"
import { ServerIdentity } from "#spec-impl/homeserver/identity.ts"
import { Incoming } from "#spec-impl/homeserver/incoming.ts"
import { Listening } from "#spec-impl/homeserver/listening.ts"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { Outside } from "#spec-impl/homeserver/outside.ts"
import { Resyncs } from "#spec-impl/homeserver/resyncs.ts"
import { type RoomListener, Rooms } from "#spec-impl/homeserver/rooms.ts"
import {
  type HomeserverSettings,
  homeserverSettingsDefault,
  Settings,
} from "#spec-impl/homeserver/settings.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { EventStore, type StoreFailure, type StoreGroup } from "#spec-impl/store/event-store.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { Fence, stopped } from "../kernel/fence.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { makeSimulatedSend } from "../network/named-transport.ts"
import type { Names } from "../network/names.ts"
import type { Network } from "../network/network.ts"
import { groupText } from "./group-bytes.ts"
import { Host } from "./host.ts"
import type { Mutation } from "./mutation.ts"

/** A virtual homeserver, as the stage and the checks see it. */
export interface VirtualServer {
  readonly name: string
  /** What it runs on, and what the next boot finds. */
  readonly host: Host
  readonly users: LocalUsers["Service"]
  readonly rooms: Rooms["Service"]
  readonly destinations: Destinations["Service"]
  readonly incoming: Incoming["Service"]
  readonly outside: Outside["Service"]
  readonly resyncs: Resyncs["Service"]
  readonly client: FederationClient["Service"]
  readonly identity: ServerIdentity["Service"]
  /** All services, for what is not named above: `Context.get(server.services, …)`. */
  readonly services: Context.Context<HomeserverServices>
  /** What this boot answers clients, which are on no network: as bytes. Made when it is first asked for. */
  readonly clientApi: Effect.Effect<WireHandler>
  /** Whether this boot has crashed. */
  readonly isDown: () => boolean
  /** Ends this boot in the middle of what it does: from this instant nothing of it reaches disk or network. */
  readonly crash: Effect.Effect<void>
  /** After a crash: the next boot, on what the disk holds. */
  readonly reboot: (boot: Boot) => Effect.Effect<VirtualServer, StoreFailure>
}

/** What whoever asks for a boot can see of it, however it ends. */
export interface Boot {
  /** Behind which it goes on, once it has begun. */
  fence: Fence | undefined
  /** Once it is up. */
  server: VirtualServer | undefined
}

/** What all servers of a world share. */
export interface WorldParts {
  readonly kernel: Kernel
  readonly network: Network["Service"]
  readonly signatures: Signatures["Service"]
  readonly settings: Partial<HomeserverSettings>
  /** Whole requests as bytes unless it says `direct`. */
  readonly transport?: Transport
  /** By which servers are found; directly, by their names alone, where there are none. */
  readonly names?: Names | undefined
  /** What an earlier boot of the server left. */
  readonly disk?: MemoryDisk
  /** The machine that an earlier boot ran on, with its disk. */
  readonly host?: Host
  /** Told of each group that the server has kept. */
  readonly onCommit?: (server: string, group: StoreGroup) => void
  /** What is otherwise in this server. */
  readonly mutation?: Mutation | undefined
}

/** What carries requests between servers: whole ones, as bytes, or typed calls (DESIGN.md, principle 11). */
export type Transport = "http" | "direct"

type Send = Network["Service"]["send"]

const layerClientBy = (name: string, transport: Transport | undefined, send: Send) =>
  transport === "direct"
    ? layerDirectClient(send)
    : FederationClient.layer.pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, wireHttpClient(name, send))),
      )

const layerClientOf = (name: string, parts: WorldParts, fence: Fence) => {
  const { kernel, network, names, transport } = parts
  const fenced = {
    ...network,
    send: (request, answerMsMax) => network.send(request, answerMsMax, fence),
  } satisfies typeof network
  return names === undefined
    ? layerClientBy(name, transport, fenced.send)
    : Layer.unwrap(
        Effect.map(makeSimulatedSend(name, { kernel, network: fenced, names }), (send) =>
          layerClientBy(name, transport, send),
        ),
      )
}

/** Web servers are on the network under their host names, and asked by bytes on either transport. */
const layerWebClientOf = (name: string, { network }: WorldParts, fence: Fence) =>
  Layer.succeed(WebClient, {
    get: ({ host, pathname, search }, answerBytesMax) =>
      fence
        .guard(
          network.send({
            source: name,
            destination: host,
            method: "GET",
            target: `${pathname}${search}`,
            headers: {},
            body: new Uint8Array(0),
          }),
        )
        .pipe(
          Effect.filterOrFail(
            ({ body }) => body.length <= answerBytesMax,
            () => new WireError({ reason: "reset", detail: `more than ${answerBytesMax} bytes` }),
          ),
        ),
  })

/** Identity servers are asked by bytes on either transport: they are no homeservers. */
const layerIdentityServersOf = (name: string, { network }: WorldParts, fence: Fence) =>
  IdentityServers.layer.pipe(
    Layer.provide(
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.mapRequest(
          wireHttpClient(name, (request) => network.send(request, undefined, fence)),
          (request) => HttpClientRequest.setUrl(request, request.url.replace(/^https:/, "matrix:")),
        ),
      ),
    ),
  )

// Where two failures meet effect hashes them, and for each function of their classes draws a number, once a process: before
// any run, for within one that is an ambient source (seed 3959: two rooms of a transaction failed at once).
Hash.hash(new MatrixError({ status: 500, errcode: "M_UNKNOWN", error: "" }))

/** Boots a server and attaches it to the network, for as long as the scope lives or until it crashes. */
export const bootServer = (
  name: string,
  given: WorldParts,
  boot: Boot = { fence: undefined, server: undefined },
): Effect.Effect<VirtualServer, StoreFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const parts = { ...given, host: given.host ?? new Host(given.disk ?? new MemoryDisk()) }
    const world = yield* Effect.scope
    const scope = yield* Scope.fork(world)
    const fence = new Fence()
    boot.fence = fence
    const { leave, ...server } = yield* bootBehind(fence, name, parts).pipe(Scope.provide(scope))
    boot.server = {
      ...server,
      isDown: () => fence.fallen,
      crash: Effect.suspend(() => {
        fence.fall()
        parts.kernel.trace.record("crash", name)
        // Not waited for: what cannot be interrupted waits behind the fence for good. Off the network first, and at once.
        const end = Effect.andThen(leave, Scope.close(scope, Exit.void))
        return Effect.asVoid(Effect.forkDetach(end, { startImmediately: true }))
      }),
      reboot: (next) =>
        Effect.suspend(() => {
          // A new process is not paused.
          parts.kernel.resume(name)
          return bootServer(name, parts, next)
        }).pipe(Scope.provide(world)),
    }
    return boot.server
  })

const bootBehind = Effect.fnUntraced(function* (
  fence: Fence,
  name: string,
  parts: WorldParts & { readonly host: Host },
) {
  const { kernel, network, mutation } = parts
  const signatures = mutation?.signatures?.(parts.signatures) ?? parts.signatures
  const settings = { ...homeserverSettingsDefault, ...parts.settings }
  const chance = Chance.of({ bytes: (length, ...key) => kernel.chance.bytes(length, name, ...key) })
  const { disk, keyFile } = parts.host
  const store = parts.host.store(disk, fence)
  const seed = chance.bytes(32, "signing-key", ...keyFile.label)
  const listening = Latch.makeUnsafe(false)
  const surroundings = Layer.mergeAll(
    Layer.succeed(Listening, listening),
    Layer.succeed(Chance, chance),
    Layer.succeed(Signatures, signatures),
    Settings.layer({ ...settings, ...mutation?.settings?.(settings) }),
    Layer.succeed(
      EventStore,
      fencedStore(fence, tracedStore(name, fence, parts, mutation?.store?.(store) ?? store)),
    ),
  )
  const identity = ServerIdentity.layer({
    serverName: name,
    signingKey: makeSigningKey(signatures, keyFile.keyId, seed),
    oldKeys: keyFile.oldKeys,
    ...(parts.settings.policy === undefined
      ? {}
      : { policyServerKey: makeSigningKey(signatures, policyServerKeyId, chance.bytes(32, "policy-key")) }),
  })
  const homeserver = layerHomeserver(verdictTracer(name, kernel, fence)).pipe(
    Layer.provideMerge(layerClientOf(name, parts, fence)),
    Layer.provide(layerIdentityServersOf(name, parts, fence)),
    Layer.provide(layerWebClientOf(name, parts, fence)),
    Layer.provideMerge(identity),
    Layer.provideMerge(surroundings),
  )
  const built = yield* kernel.buildLayer(name, homeserver)
  const services = Context.merge(built, mutation?.services?.(built) ?? Context.empty())
  // Handlers keep the scheduler and the clock with which they are built.
  const handler =
    parts.transport === "direct"
      ? yield* directHandler(layerChapters).pipe(Effect.provide(services), kernel.within(name))
      : yield* federationHandler(layerChapters).pipe(Effect.provide(services), kernel.within(name))
  const attached = yield* Scope.fork(yield* Effect.scope)
  yield* network
    .attach(name, parts.names?.front(name, handler) ?? handler, () => fence.fallen)
    .pipe(Scope.provide(attached))
  listening.openUnsafe()
  const clientApi = yield* Effect.cached(
    wireHandler(clientRoutes).pipe(
      Effect.provide(services),
      kernel.within(name),
      Effect.map(
        (answer): WireHandler =>
          (request) =>
            fence.guard(answer(request)),
      ),
      Scope.provide(yield* Effect.scope),
    ),
  )
  return {
    name,
    host: parts.host,
    users: Context.get(services, LocalUsers),
    rooms: Context.get(services, Rooms),
    destinations: Context.get(services, Destinations),
    incoming: Context.get(services, Incoming),
    outside: Context.get(services, Outside),
    resyncs: Context.get(services, Resyncs),
    client: Context.get(services, FederationClient),
    identity: Context.get(services, ServerIdentity),
    services,
    clientApi,
    leave: Scope.close(attached, Exit.void),
  }
})

const fencedStore = (fence: Fence, store: EventStore["Service"]): EventStore["Service"] => ({
  // Behind the fence already.
  commit: store.commit,
  prepare: store.prepare,
  rooms: fence.guard(store.rooms),
  events: (which, visit) => fence.guard(store.events(which, visit)),
  eventsNow: store.eventsNow,
  scratch: store.scratch,
  states: fence.guard(store.states),
  destinations: fence.guard(store.destinations),
  records: (collection) => fence.guard(store.records(collection)),
  blob: (collection, key) => fence.guard(store.blob(collection, key)),
  outside: fence.guard(store.outside),
  answered: (countMax) => fence.guard(store.answered(countMax)),
  answer: (origin, transactionId) => fence.guard(store.answer(origin, transactionId)),
})

/** The store, with a seam before each commit, and each group in the trace. A crash in the seam is one before the commit. */
const tracedStore = (
  name: string,
  fence: Fence,
  { kernel, onCommit }: WorldParts,
  store: EventStore["Service"],
): EventStore["Service"] => ({
  ...store,
  commit: (group) =>
    kernel.seam(name, "store", () => {
      if (fence.fallen) return stopped
      kernel.trace.recordText("store", name, groupText(group))
      return onCommit === undefined
        ? store.commit(group)
        : Effect.tap(store.commit(group), () => Effect.sync(() => onCommit(name, group)))
    }),
})

/** What each server decided about each event: what a report draws. */
const verdictTracer =
  (name: string, kernel: Kernel, fence: Fence): RoomListener =>
  (room, { event, place, verdict, objection }) => {
    if (fence.fallen) return undefined
    const why = objection === undefined ? "" : `${objection.check} ${objection.rule}`
    kernel.trace.record("event", name, room.roomId, event.eventId, place, verdict, why)
    return undefined
  }
