/**
 * A virtual identity server: as much of the identity service API as homeservers meet (§Association lookup, §Invitation
 * storage, §Key management), as bytes over the same network. It is no homeserver, and tells of a binding once.
 */
import { Context, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { encodeBase64, encodeBase64Url } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { isJsonArray, isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { signJson } from "#spec-impl/core/signing.ts"
import { FederationClient, type FederationUnreachable } from "#spec-impl/federation/client.ts"
import { layerDirectClient } from "#spec-impl/federation/direct/client.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { ThirdPartyIdentifier } from "#spec-impl/federation/third-party-invites/identity-servers.ts"
import { type WireRequest, type WireResponse, wireHttpClient } from "#spec-impl/federation/wire.ts"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import { ServerIdentity } from "#spec-impl/homeserver/identity.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { EventStore } from "#spec-impl/store/event-store.ts"
import { MemoryDisk, memoryStore } from "#spec-impl/store/memory.ts"
import type { WorldParts } from "./world.ts"

/** An identity server as a user of it, and the simulator, see it. */
export interface VirtualIdentityServer {
  readonly name: string
  /** What a user who has registered there has its homeserver ask with. */
  readonly accessTokenOf: (userId: string) => string
  /**
   * Binds an identifier to a user, as one who has proved to own it can (`POST …/3pid/bind`), and tells the user's
   * homeserver of the invites that waited. That is done once: what comes of it is this effect's outcome.
   */
  readonly bind: (
    who: ThirdPartyIdentifier,
    userId: string,
  ) => Effect.Effect<void, MatrixError | FederationUnreachable>
  /** Its keys are good no longer. */
  readonly revokeKeys: Effect.Effect<void>
}

interface KeptInvite extends ThirdPartyIdentifier {
  readonly roomId: string
  readonly sender: string
  readonly token: string
}

const prefix = "/_matrix/identity/v2/"

/** Boots an identity server and attaches it to the network, for as long as the scope lives. */
export const bootIdentityServer = Effect.fnUntraced(function* (name: string, parts: WorldParts) {
  const { kernel, network, signatures } = parts
  const key = makeSigningKey(signatures, "ed25519:0", kernel.chance.bytes(32, name, "signing-key"))
  const pepper = encodeBase64Url(kernel.chance.bytes(9, name, "pepper"))
  const tokens = new Set<string>()
  const bindings = new Map<string, string>()
  const invites: KeptInvite[] = []
  const ephemeralKeys = new Set<string>()
  let keysAreValid = true

  const hashOf = ({ medium, address }: ThirdPartyIdentifier): string =>
    encodeBase64Url(sha256(`${address} ${medium} ${pepper}`))

  const lookUp = (body: JsonObject): WireResponse => {
    if (body.pepper !== pepper) return refused(400, "M_INVALID_PEPPER")
    if (body.algorithm !== "sha256" || !isJsonArray(body.addresses)) return refused(400, "M_INVALID_PARAM")
    const asked = body.addresses.filter((address) => typeof address === "string")
    return answered({
      mappings: Object.fromEntries(
        asked.flatMap((hash) => {
          const userId = bindings.get(hash)
          return userId === undefined ? [] : [[hash, userId]]
        }),
      ),
    })
  }

  const keyEntry = (publicKey: string, kind: string): JsonObject => ({
    public_key: publicKey,
    key_validity_url: `https://${name}${prefix}${kind}/isvalid`,
  })

  const store = ({ medium, address, room_id: roomId, sender }: JsonObject): WireResponse => {
    if (medium !== "email") return refused(400, "M_UNRECOGNIZED")
    if (typeof address !== "string" || typeof roomId !== "string" || typeof sender !== "string") {
      return refused(400, "M_MISSING_PARAMS")
    }
    const bound = bindings.get(hashOf({ medium, address }))
    if (bound !== undefined) return refused(400, "M_THREEPID_IN_USE", { mxid: bound })
    const label = [name, "invite", String(invites.length)] as const
    const token = encodeBase64Url(kernel.chance.bytes(24, ...label, "token"))
    const seed = kernel.chance.bytes(32, ...label, "key")
    const ephemeral = encodeBase64Url(makeSigningKey(signatures, "ed25519:e", seed).publicKey)
    invites.push({ medium, address, roomId, sender, token })
    ephemeralKeys.add(ephemeral)
    const [user = "", host = ""] = address.split("@")
    return answered({
      token,
      display_name: `${user.slice(0, 1)}...@${host.slice(0, 1)}...`,
      public_keys: [keyEntry(encodeBase64(key.publicKey), "pubkey"), keyEntry(ephemeral, "pubkey/ephemeral")],
    })
  }

  const answer = ({ method, target, headers, body }: WireRequest): WireResponse => {
    const [path = "", query = ""] = target.split("?")
    const asked = new URLSearchParams(query).get("public_key") ?? ""
    const route = `${method} ${path.slice(prefix.length)}`
    if (route === "GET pubkey/isvalid")
      return answered({ valid: keysAreValid && asked === encodeBase64(key.publicKey) })
    if (route === "GET pubkey/ephemeral/isvalid")
      return answered({ valid: keysAreValid && ephemeralKeys.has(asked) })
    if (!tokens.has(headers.authorization ?? "")) return refused(401, "M_UNAUTHORIZED")
    if (route === "GET hash_details") return answered({ lookup_pepper: pepper, algorithms: ["sha256"] })
    const given = readJson(body)
    if (given === undefined || !isJsonObject(given)) return refused(400, "M_BAD_JSON")
    if (route === "POST lookup") return lookUp(given)
    return route === "POST store-invite" ? store(given) : refused(404, "M_UNRECOGNIZED")
  }

  yield* network.attach(name, (request) => Effect.sync(() => answer(request)))
  const client = yield* clientOf(name, key, parts)

  return {
    name,
    accessTokenOf: (userId) => {
      const token = `${userId} at ${name}`
      tokens.add(`Bearer ${token}`)
      return token
    },
    bind: Effect.fnUntraced(function* (who, userId) {
      bindings.set(hashOf(who), userId)
      const waiting = invites.filter(
        ({ medium, address }) => medium === who.medium && address === who.address,
      )
      for (const invite of waiting) invites.splice(invites.indexOf(invite), 1)
      if (waiting.length === 0) return
      const sign = (message: Uint8Array) => signatures.sign(key.seed, message)
      const told = waiting.map(({ roomId, sender, token }) => ({
        ...who,
        mxid: userId,
        room_id: roomId,
        sender,
        signed: signJson({ mxid: userId, token }, name, key.keyId, sign),
      }))
      const payload = { ...who, mxid: userId, invites: told }
      yield* client.call(domainOf(userId) ?? "", (api) => api.thirdPartyInvites.onBind({ payload }))
    }),
    revokeKeys: Effect.sync(() => {
      keysAreValid = false
    }),
  } satisfies VirtualIdentityServer
})

/** Calls homeservers as they call each other, over whatever carries the world's requests. */
const clientOf = (name: string, signingKey: ReturnType<typeof makeSigningKey>, parts: WorldParts) => {
  const { kernel, network, signatures, transport } = parts
  const identity = ServerIdentity.layer({ serverName: name, signingKey, oldKeys: [] }).pipe(
    Layer.provide([
      Layer.succeed(EventStore, memoryStore(new MemoryDisk())),
      Layer.succeed(Chance, { bytes: (length, ...key) => kernel.chance.bytes(length, name, ...key) }),
      Layer.succeed(Signatures, signatures),
    ]),
  )
  const http = Layer.succeed(HttpClient.HttpClient, wireHttpClient(name, network.send))
  const client =
    transport === "direct"
      ? layerDirectClient(network.send)
      : FederationClient.layer.pipe(Layer.provide([http, Layer.succeed(Signatures, signatures)]))
  return Effect.map(kernel.buildLayer(name, client.pipe(Layer.provide(identity))), (services) =>
    Context.get(services, FederationClient),
  )
}

const json = (status: number, body: JsonObject): WireResponse => ({
  status,
  headers: { "content-type": "application/json" },
  body: canonicalJsonBytes(body),
})

const answered = (body: JsonObject): WireResponse => json(200, body)

const refused = (status: number, errcode: string, details: JsonObject = {}): WireResponse =>
  json(status, { ...details, errcode, error: errcode })
