/** For tests: servers in memory, joined by a wire that delivers at once and that a test may tamper with. */
import { createPrivateKey, createPublicKey } from "node:crypto"
import { Context, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import type { HttpApiGroup } from "effect/http-api"
import { encodeBase64 } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { canonicalJson } from "../../core/json/encode.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { Chance } from "../../homeserver/chance.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { KeyRing } from "../../homeserver/key-ring.ts"
import { type HomeserverSettings, Settings } from "../../homeserver/settings.ts"
import { nativeSignatures as nativeSignaturesBy } from "../../homeserver/signatures/native.ts"
import { synchronously } from "../../homeserver/signatures/noble.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import type { SigningKey } from "../../homeserver/signatures/signing-key.ts"
import { layerMemory, MemoryDisk } from "../../store/memory.ts"
import { FederationApi, type FederationChapters } from "../api.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { FederationClient } from "../client.ts"
import { DiscoveryReceive } from "../discovery/receive.ts"
import { readJson } from "../json-body.ts"
import { KeysReceive } from "../keys/receive.ts"
import { forbidden, incompatibleRoomVersion } from "../matrix-error.ts"
import { federationHandler } from "../server.ts"
import { WireError, type WireHandler, type WireRequest, type WireResponse, wireHttpClient } from "../wire.ts"
import { formatXMatrix, requestSigningBytes } from "../x-matrix.ts"

/** Signs and verifies at once. */
export const nativeSignatures = synchronously(nativeSignaturesBy("libsodium"))

/** The key whose seed is that byte, repeated. */
export const keyFromByte = (keyId: string, byte: number): SigningKey => {
  const seed = new Uint8Array(32).fill(byte)
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed])
  const publicKey = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }))
  return {
    keyId,
    seed,
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" }).subarray(-32)),
  }
}

/** What the handlers of a test server were given, in order. */
export interface Received {
  readonly origin: string
  readonly params: Readonly<Record<string, string>>
  readonly query?: unknown
  readonly payload?: unknown
}

/** Handlers that note what they get. `/send` answers its body, `make_join` fails unless version 10 is among `ver`. */
const chapters = (received: Received[]) => {
  const noted = <A>(given: Omit<Received, "origin">, answer: A) =>
    Effect.map(Origin, (origin) => {
      const { params, query, payload } = given
      received.push({ origin, params, query, payload })
      return answer
    })
  const events = { origin: "test", origin_server_ts: 0, pdus: [] }
  return Layer.mergeAll(
    DiscoveryReceive,
    KeysReceive,
    chapter("transactions", (handlers) =>
      handlers.handle("send", (request) =>
        noted(request, { pdus: {}, received: request.payload as unknown as JsonObject }),
      ),
    ),
    chapter("rooms", (handlers) =>
      handlers
        .handle("makeJoin", (request) =>
          request.query.ver?.includes("10")
            ? noted(request, { room_version: "10", event: {} })
            : Effect.fail(incompatibleRoomVersion("10")),
        )
        .handle("makeLeave", () => Effect.fail(forbidden("not in the room")))
        .handle("sendLeave", (request) => noted(request, {}))
        .handle("makeKnock", () => Effect.fail(forbidden("not for knocking")))
        .handle("sendKnock", (request) => noted(request, { knock_room_state: [] }))
        .handle("invite", (request) => noted(request, { event: request.payload.event }))
        .handle("inviteV1", (request) => noted(request, [200, { event: request.payload }] as const))
        .handle("sendJoinV1", (request) => noted(request, [200, { state: [], auth_chain: [] }] as const))
        .handle("sendLeaveV1", (request) => noted(request, [200, {}] as const))
        .handle("sendJoin", (request) =>
          noted(request, { state: [], auth_chain: [], event: request.payload }),
        ),
    ),
    chapter("history", (handlers) =>
      handlers
        .handle("eventAuth", () => Effect.fail(forbidden("not in the room")))
        .handle("backfill", (request) => noted(request, events))
        .handle("getMissingEvents", (request) => noted(request, { events: [] }))
        .handle("state", () => Effect.die("a fault of the handler"))
        .handle("stateIds", (request) => noted(request, { pdu_ids: [], auth_chain_ids: [] }))
        .handle("event", (request) => noted(request, events))
        .handle("timestampToEvent", (request) => noted(request, { event_id: "$e", origin_server_ts: 0 })),
    ),
    withoutHandlers(["discovery", "keys", "transactions", "rooms", "history"]),
  )
}

/** All other chapters, which no test on this wire asks for. */
const withoutHandlers = (answered: readonly string[]): Layer.Layer<FederationChapters> => {
  const others = Object.values<HttpApiGroup.Constraint>(FederationApi.groups)
    .filter(({ identifier }) => !answered.includes(identifier))
    .map(({ identifier }) => chapter(identifier as "history", (handlers) => handlers as never))
  return Layer.mergeAll(Layer.empty, ...others) as Layer.Layer<FederationChapters>
}

/** A server of a test. */
export interface TestServer {
  readonly name: string
  readonly client: FederationClient["Service"]
  readonly keyRing: KeyRing["Service"]
  readonly identity: ServerIdentity["Service"]
  readonly received: readonly Received[]
}

/** What carries the requests of a test. */
export interface TestWire {
  readonly handlers: Map<string, WireHandler>
  /** All requests that were sent, in order. */
  readonly sent: WireRequest[]
  /** What a test does to a request on its way. */
  tamper: (request: WireRequest) => Effect.Effect<WireRequest, WireError>
  /** What a test does to an answer on its way. */
  tamperAnswer: (response: WireResponse) => WireResponse
}

export const makeWire = (): TestWire => ({
  handlers: new Map(),
  sent: [],
  tamper: Effect.succeed,
  tamperAnswer: (response) => response,
})

/** Takes a request over the wire, as `wireHttpClient` wants it. */
export const carry =
  (wire: TestWire) =>
  (request: WireRequest): Effect.Effect<WireResponse, WireError> =>
    Effect.gen(function* () {
      wire.sent.push(request)
      const arrived = yield* wire.tamper(request)
      const handler = wire.handlers.get(arrived.destination)
      if (handler === undefined) return yield* new WireError({ reason: "refused" })
      return wire.tamperAnswer(yield* handler(arrived))
    })

/** `request`, signed as its source would sign it. */
export const signedBy = (key: SigningKey, request: WireRequest): WireRequest => {
  const { source: origin, destination, method, target: uri, body } = request
  const content = body.length === 0 ? {} : { content: canonicalJson(readJson(body) ?? null) }
  const message = requestSigningBytes({ method, uri, origin, destination, ...content })
  const sig = encodeBase64(nativeSignatures.sign(key.seed, message))
  const authorization = formatXMatrix({ origin, destination, key: key.keyId, sig })
  return { ...request, headers: { ...request.headers, authorization } }
}

/** What a test server has that is not the same for all. */
/** Who a server is that keeps nothing. */
export const layerIdentity = (serverName: string, signingKey: SigningKey) =>
  ServerIdentity.layer({ serverName, signingKey, oldKeys: [] }).pipe(
    Layer.provide([
      layerMemory(new MemoryDisk()),
      Chance.layerRandom,
      Layer.succeed(Signatures, nativeSignatures),
    ]),
  )

interface TestSurroundings {
  /** What an earlier start of the server left. */
  readonly disk: MemoryDisk
  readonly settings: Partial<HomeserverSettings>
}

/** A server on that wire. */
export const startServer = Effect.fnUntraced(function* (
  wire: TestWire,
  name: string,
  signingKey: SigningKey,
  oldKeys: ServerIdentity["Service"]["oldKeys"] = [],
  { disk = new MemoryDisk(), settings = {} }: Partial<TestSurroundings> = {},
) {
  const received: Received[] = []
  const services = KeyRing.layer.pipe(
    Layer.provideMerge(FederationClient.layer),
    Layer.provideMerge(ServerIdentity.layer({ serverName: name, signingKey, oldKeys })),
    Layer.provideMerge(
      Layer.mergeAll(
        layerMemory(disk),
        Layer.succeed(Chance, {
          bytes: (length, ...key) => Uint8Array.from(sha256(key.join("\n")).subarray(0, length)),
        }),
        Layer.succeed(Signatures, nativeSignatures),
        Settings.layer(settings),
        Layer.succeed(HttpClient.HttpClient, wireHttpClient(name, carry(wire))),
      ),
    ),
  )
  const context = yield* Layer.buildWithMemoMap(services, yield* Layer.makeMemoMap, yield* Effect.scope)
  const handler = yield* federationHandler(chapters(received)).pipe(Effect.provideContext(context))
  wire.handlers.set(name, handler)
  const server: TestServer = {
    name,
    client: Context.get(context, FederationClient),
    keyRing: Context.get(context, KeyRing),
    identity: Context.get(context, ServerIdentity),
    received,
  }
  return server
})
