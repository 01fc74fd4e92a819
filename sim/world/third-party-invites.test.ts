/** Invites to addresses: kept by an identity server, bound to a user, and redeemed by whoever is in the room. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { ThirdPartyInvites } from "#spec-impl/federation/third-party-invites/third-party-invites.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { stateByKey } from "../checks/agreement.ts"
import { drop, reply } from "../network/rules.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"
import { bootServer } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const carol = "@carol:s3"
const address = "Carol@Example.org"
const onBind = "/_matrix/federation/v1/3pid/onbind"

/** Alice and Bob in an invite-only room; the identity server is `id1`. */
const inRoom = (
  story: (played: Played, roomId: string) => Effect.Effect<void, unknown>,
  options: PlayOptions = {},
) =>
  play({ servers: 3, identityServers: ["id1"], ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(alice).createRoom({ joinRule: "invite" })
      yield* stage.user(alice).invite(roomId, bob)
      yield* stage.user(bob).join(roomId)
      yield* stage.quiet
      yield* story(played, roomId)
    }),
  )

const memberOn = ({ stage }: Played, server: string, roomId: string, userId = carol) =>
  stage.stateOf(server, roomId, "m.room.member", userId)
const membershipOn = (played: Played, server: string, roomId: string, userId = carol) =>
  memberOn(played, server, roomId, userId)?.content.membership
const awaitedOn = ({ servers }: Played, server: string) =>
  Context.get(servers.get(server)!.services, ThirdPartyInvites).awaited()
const stateOn = ({ servers }: Played, server: string, roomId: string) => {
  const dag = servers.get(server)!.rooms.find(roomId)!.dag
  return stateByKey(dag, dag.currentState())
}
const object = (value: JsonValue | undefined): JsonObject =>
  value !== undefined && isJsonObject(value) ? value : {}

/** Binds the address, and gives the invite of which the identity server would have told. */
const proofFor = Effect.fnUntraced(function* ({ stage, network }: Played, userId: string) {
  let told: JsonValue | undefined
  const note = (body: JsonValue | undefined): boolean => {
    told = object(body).invites
    return true
  }
  yield* Effect.scoped(
    network
      .rule({ path: onBind, body: note }, reply(200, {}))
      .pipe(Effect.andThen(stage.user(userId).bindEmail(address.toLowerCase(), "id1"))),
  )
  return object((told as readonly JsonValue[])[0])
})
/** The partial event by which the proof is exchanged. */
const partialOf = (roomId: string, { sender, mxid, signed }: JsonObject): JsonObject => ({
  type: "m.room.member",
  room_id: roomId,
  sender: sender!,
  state_key: mxid!,
  content: { membership: "invite", third_party_invite: { display_name: "me", signed: signed! } },
})
/** "200" or "404 M_NOT_FOUND". */
const outcome = ({ status, errcode }: { status: number; errcode: JsonValue | undefined }) =>
  errcode === undefined ? String(status) : `${status} ${String(errcode)}`
const exchange = (played: Played, roomId: string, body: JsonObject, more = {}) =>
  Effect.map(
    sendRaw(played, {
      from: "s3",
      to: "s1",
      method: "PUT",
      target: `/_matrix/federation/v1/exchange_third_party_invite/${encodeURIComponent(roomId)}`,
      body,
      ...more,
    }),
    outcome,
  )

describe("an address that is bound to nobody", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: the invite waits in the room, and becomes one of the user who binds the address`, () =>
      inRoom(
        (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
            expect(left.type).toBe("m.room.third_party_invite")
            expect(left.content).toMatchObject({ display_name: "c...@e..." })
            const keys = left.content.public_keys as readonly JsonObject[]
            expect(keys).toHaveLength(2)
            expect(left.content).toMatchObject(keys[0]!)
            expect(JSON.stringify(left.content)).not.toContain("example.org")
            yield* stage.user(carol).bindEmail(address.toLowerCase(), "id1")
            yield* stage.wait(2_000)
            yield* stage.quiet
            const invite = memberOn(played, "s2", roomId)
            expect(invite?.sender).toBe(alice)
            expect(invite?.content).toMatchObject({
              membership: "invite",
              third_party_invite: {
                display_name: "c...@e...",
                signed: { mxid: carol, token: left.stateKey, signatures: { id1: {} } },
              },
            })
            expect(played.servers.get("s3")!.outside.standingOf(carol, roomId)?.via).toBe("s1")
            expect(awaitedOn(played, "s3")).toEqual([])
            yield* stage.user(carol).join(roomId)
            yield* stage.quiet
            expect(membershipOn(played, "s1", roomId)).toBe("join")
            for (const server of ["s2", "s3"]) {
              expect(stateOn(played, server, roomId)).toEqual(stateOn(played, "s1", roomId))
            }
          }),
        { roomVersion: id },
      ))

    it(`room ${id}: where the user's server is in the room it makes the invite itself, without the inviter's`, () =>
      inRoom(
        (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
            yield* stage.quiet
            yield* stage.partition(["s1"], ["s2", "s3", "id1"])
            yield* stage.user("@carol:s2").bindEmail(address.toLowerCase(), "id1")
            yield* stage.wait(1_000)
            const invite = memberOn(played, "s2", roomId, "@carol:s2")
            expect([invite?.content.membership, invite?.sender]).toEqual(["invite", alice])
            expect(Object.keys(object(invite?.pdu.signatures))).toEqual(["s2"])
            yield* stage.user("@carol:s2").join(roomId)
            yield* stage.heal
            yield* stage.quiet
            expect(membershipOn(played, "s1", roomId, "@carol:s2")).toBe("join")
            expect(stateOn(played, "s1", roomId)).toEqual(stateOn(played, "s2", roomId))
          }),
        { roomVersion: id },
      ))
  }

  it("the identity server tells once: the user's server goes on until the inviter's is there again", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        yield* stage.partition(["s1", "s2"], ["s3", "id1"])
        yield* stage.user(carol).bindEmail(address.toLowerCase(), "id1")
        yield* stage.wait(20_000)
        expect(awaitedOn(played, "s3")).toMatchObject([{ roomId, sender: alice }])
        yield* stage.heal
        yield* stage.wait(60_000)
        expect(membershipOn(played, "s1", roomId)).toBe("invite")
        expect(awaitedOn(played, "s3")).toEqual([])
      }),
    ))

  it("a binding that the user's server never hears of is lost with its invites", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        yield* stage.partition(["s1", "s2", "id1"], ["s3"])
        expect(yield* refusal(stage.user(carol).bindEmail(address.toLowerCase(), "id1"))).toContain(
          "unreachable",
        )
        yield* stage.heal
        yield* stage.wait(600_000)
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
        // Now she is known, and is invited as anybody is.
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        expect(memberOn(played, "s1", roomId)?.content).toEqual({ membership: "invite" })
      }),
    ))
})

describe("an address that is bound", () => {
  it("is the user's: an invite like any other", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(carol).bindEmail(address.toLowerCase(), "id1")
        const invite = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        expect(invite).toMatchObject({
          type: "m.room.member",
          stateKey: carol,
          content: { membership: "invite" },
        })
        expect(invite.content).toEqual({ membership: "invite" })
        expect(Object.keys(stateOn(played, "s1", roomId)).join()).not.toContain("third_party_invite")
        yield* stage.user(carol).join(roomId)
      }),
    ))

  it("also where it is bound between the look-up and the storing", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(carol).bindEmail(address.toLowerCase(), "id1")
        yield* stage.rule("not yet", { path: /\/lookup$/ }, reply(200, { mappings: {} }))
        expect((yield* stage.user(alice).inviteByEmail(roomId, address, "id1")).stateKey).toBe(carol)
      }),
    ))
})

describe("an identity server", () => {
  it("is not asked for who may not invite", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        yield* stage.user(alice).setState(roomId, "m.room.power_levels", { users: {}, invite: 50 })
        yield* stage.quiet
        const before = network.requests()
        expect(yield* refusal(stage.user(bob).inviteByEmail(roomId, address, "id1"))).toContain(
          "403 M_FORBIDDEN",
        )
        expect(yield* refusal(stage.user(carol).inviteByEmail(roomId, address, "id1"))).toContain(
          "404 M_NOT_FOUND",
        )
        expect(network.requests()).toBe(before)
      }),
    ))

  it("that is away, refuses, or talks nonsense leaves no trace in the room", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const asked = () => refusal(stage.user(alice).inviteByEmail(roomId, address, "id1"))
        yield* stage.partition(["s1"], ["id1"])
        expect(yield* asked()).toContain("id1: unreachable")
        yield* stage.heal
        yield* stage.user(alice).setState(roomId, "m.room.third_party_invite", {}, "taken")
        const taken = {
          token: "taken",
          display_name: "c",
          public_keys: [{ public_key: "A", key_validity_url: "u" }],
        }
        const before = stateOn(played, "s1", roomId)
        const answers: readonly (readonly [RegExp, number, JsonObject, string])[] = [
          [/hash_details$/, 401, { errcode: "M_UNAUTHORIZED" }, "401 M_UNAUTHORIZED"],
          [/hash_details$/, 200, {}, "502"],
          [/lookup$/, 500, {}, "500 M_UNKNOWN"],
          [/store-invite$/, 403, { errcode: "M_TERMS_NOT_SIGNED" }, "403 M_TERMS_NOT_SIGNED"],
          [/store-invite$/, 200, {}, "502"],
          [/store-invite$/, 200, { token: "a b", display_name: "c", public_keys: [] }, "502"],
          [/store-invite$/, 200, taken, "502"],
          [/store-invite$/, 200, { token: "ab", display_name: "c", public_keys: [] }, "502"],
          [/store-invite$/, 400, { errcode: "M_THREEPID_IN_USE", mxid: "nobody" }, "502"],
        ]
        for (const [path, status, body, expected] of answers) {
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* played.network.rule({ path, destination: "id1" }, reply(status, body))
              expect([body, yield* asked()]).toEqual([body, expect.stringContaining(expected)])
            }),
          )
        }
        expect(stateOn(played, "s1", roomId)).toEqual(before)
      }),
    ))
})

describe("PUT /exchange_third_party_invite", () => {
  it("has sent the invite when it answers, also to a server that asks again", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const partial = partialOf(roomId, yield* proofFor(played, carol))
        expect(yield* exchange(played, roomId, partial)).toBe("200")
        expect(played.servers.get("s3")!.outside.standingOf(carol, roomId)?.membership).toBe("invite")
        const before = network.requests()
        expect(yield* exchange(played, roomId, partial)).toBe("200")
        yield* stage.user(carol).join(roomId)
        yield* stage.quiet
        expect(yield* exchange(played, roomId, partial)).toBe("200")
        expect(membershipOn(played, "s1", roomId)).toBe("join")
        expect(network.requests() - before).toBeLessThan(20)
      }),
    ))

  it("refuses what is no proof of such an invite, and who does not ask for its own user", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        yield* stage.user(bob).setState(roomId, "m.room.third_party_invite", {}, "of-bob").pipe(Effect.ignore)
        yield* stage.quiet
        const proof = yield* proofFor(played, carol)
        const partial = partialOf(roomId, proof)
        const ask = (change: JsonObject, more = {}) =>
          exchange(played, roomId, { ...partial, ...change }, more)
        const signed = object(proof.signed)
        const withSigned = (change: JsonObject) => ({
          content: {
            membership: "invite",
            third_party_invite: { display_name: "", signed: { ...signed, ...change } },
          },
        })
        for (const wrong of Object.values(wrongSignatures)) {
          const { origin, ...others } = wrong
          const elsewhere = origin === "s1" ? { origin: "s2" } : wrong
          expect(yield* ask({}, origin === undefined ? others : elsewhere)).toBe("401 M_UNAUTHORIZED")
        }
        expect(yield* ask({ sender: 1 })).toBe("400 M_BAD_JSON")
        expect(yield* ask({ content: { membership: "invite" } })).toBe("400 M_BAD_JSON")
        expect(yield* ask(withSigned({ token: 1 }))).toBe("400 M_BAD_JSON")
        expect(yield* ask({ type: "m.room.topic" })).toBe("400 M_INVALID_PARAM")
        expect(yield* ask({ room_id: "!other:s1" })).toBe("400 M_INVALID_PARAM")
        expect(yield* ask({ content: { ...object(partial.content), membership: "join" } })).toBe(
          "400 M_INVALID_PARAM",
        )
        expect(yield* ask({ state_key: "@dan:s3" })).toBe("400 M_INVALID_PARAM")
        expect(yield* ask({}, { from: "s2" })).toBe("403 M_FORBIDDEN")
        expect(yield* ask({ sender: bob })).toBe("403 M_FORBIDDEN")
        expect(yield* ask({ sender: "@other:s1" })).toBe("403 M_FORBIDDEN")
        expect(yield* ask(withSigned({ signatures: { id1: { "ed25519:0": "A".repeat(86) } } }))).toBe(
          "403 M_FORBIDDEN",
        )
        expect(yield* ask(withSigned({ token: "other" }))).toBe("404 M_NOT_FOUND")
        expect(yield* exchange(played, "!other:s1", { ...partial, room_id: "!other:s1" })).toBe(
          "404 M_NOT_FOUND",
        )
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
        yield* stage.user(alice).ban(roomId, carol)
        expect(yield* ask({})).toBe("403 M_FORBIDDEN")
      }),
    ))

  it("refuses an invite that was taken back", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const partial = partialOf(roomId, yield* proofFor(played, carol))
        yield* stage.user(alice).setState(roomId, "m.room.third_party_invite", {}, left.stateKey)
        expect(yield* exchange(played, roomId, partial)).toBe("403 M_FORBIDDEN")
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
      }),
    ))

  it("refuses an invite that was redacted by who may", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        yield* stage.quiet
        const partial = partialOf(roomId, yield* proofFor(played, carol))
        const redact = (server: string, userId: string) =>
          servers.get(server)!.users.send(userId, roomId, "m.room.redaction", { redacts: left.eventId })
        yield* redact("s2", bob)
        yield* stage.quiet
        yield* stage.rule("held back", { path: /\/v2\/invite\// }, reply(400, { errcode: "M_UNKNOWN" }))
        expect(yield* exchange(played, roomId, partial)).toBe("400 M_UNKNOWN")
        yield* redact("s1", alice)
        expect(yield* exchange(played, roomId, partial)).toBe("404 M_NOT_FOUND")
      }),
    ))

  it("asks whether the keys are still good, by the URL that the invite gives, and nobody else does", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, identityServers, network } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const partial = partialOf(roomId, yield* proofFor(played, carol))
        yield* stage.partition(["s1"], ["id1"])
        expect(yield* exchange(played, roomId, partial)).toBe("502 M_UNKNOWN")
        yield* stage.heal
        yield* identityServers.get("id1")!.revokeKeys
        expect(yield* exchange(played, roomId, partial)).toBe("403 M_FORBIDDEN")
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
        let others = 0
        yield* Effect.scoped(
          Effect.gen(function* () {
            const ofOthers = (): boolean => ++others < 0
            yield* network.rule({ source: "s2", destination: "id1", body: ofOthers }, drop)
            yield* network.rule({ source: "s3", destination: "id1", body: ofOthers }, drop)
            yield* network.rule({ path: /isvalid$/ }, reply(200, { valid: true }))
            expect(yield* exchange(played, roomId, partial)).toBe("200")
            yield* stage.quiet
          }),
        )
        expect([membershipOn(played, "s2", roomId), others]).toEqual(["invite", 0])
      }),
    ))

  it("asks of the next key where the first one's URL gives no answer, and does not refuse for good what it could not ask", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const partial = partialOf(roomId, yield* proofFor(played, carol))
        const { public_keys: keys, ...content } = left.content
        const [first] = keys as readonly JsonObject[]
        const away = { ...first, key_validity_url: "https://id1/away" }
        const change = (public_keys: readonly JsonObject[]) =>
          stage
            .user(alice)
            .setState(roomId, left.type, { ...content, ...public_keys[0], public_keys }, left.stateKey)
        yield* network.rule({ path: "/away" }, reply(500, {}))
        yield* change([away])
        expect(yield* exchange(played, roomId, partial)).toMatch(/^50/)
        yield* change([away, first!])
        expect(yield* exchange(played, roomId, partial)).toBe("200")
      }).pipe(Effect.scoped),
    ))

  it("takes any signature by any key, in either alphabet, and a key of which no URL speaks", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, identityServers } = played
        const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const proof = yield* proofFor(played, carol)
        const signed = object(proof.signed)
        const bad = encodeBase64(new Uint8Array(64).fill(1))
        const good = object(object(signed.signatures).id1)["ed25519:0"]!
        const [{ public_key: key }] = left.content.public_keys as readonly [JsonObject]
        const urlSafe = String(key).replaceAll("+", "-").replaceAll("/", "_")
        const content = {
          display_name: "c",
          public_key: bad,
          key_validity_url: "https://id1/",
          public_keys: [{ public_key: urlSafe }],
        }
        yield* stage.user(alice).setState(roomId, "m.room.third_party_invite", content, left.stateKey)
        yield* identityServers.get("id1")!.revokeKeys
        const signatures = { aaa: { "ed25519:0": bad }, id1: { "ed25519:0": bad, "ed25519:1": good } }
        const partial = partialOf(roomId, { ...proof, signed: { ...signed, signatures } })
        expect(yield* exchange(played, roomId, partial)).toBe("200")
        yield* stage.quiet
        expect(membershipOn(played, "s2", roomId)).toBe("invite")
      }),
    ))

  it("passes on why the user's server does not take the invite", () =>
    inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
          const partial = partialOf(roomId, yield* proofFor(played, carol))
          expect(yield* exchange(played, roomId, partial)).toBe("400 M_INCOMPATIBLE_ROOM_VERSION")
          expect(membershipOn(played, "s1", roomId)).toBeUndefined()
        }),
      {
        roomVersion: "12",
        settingsOf: (server) => (server === "s3" ? { roomVersions: roomVersions.slice(0, 10) } : {}),
      },
    ))
})

describe("PUT /3pid/onbind", () => {
  const tell = (played: Played, body: JsonObject, more = {}) =>
    Effect.map(
      sendRaw(played, {
        from: "id1",
        to: "s3",
        method: "PUT",
        target: onBind,
        body,
        unsigned: true,
        key: played.servers.get("s1")!.identity.signingKey,
        ...more,
      }),
      outcome,
    )

  it("is not signed, and refuses what is not of a user of this server", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const proof = yield* proofFor(played, carol)
        const binding = { medium: "email", address, mxid: carol, invites: [proof] }
        const withInvite = (change: JsonObject) => ({ ...binding, invites: [{ ...proof, ...change }] })
        expect(yield* tell(played, { ...binding, mxid: 1 })).toBe("400 M_BAD_JSON")
        expect(yield* tell(played, { ...binding, invites: [{}] })).toBe("400 M_BAD_JSON")
        expect(yield* tell(played, withInvite({ signed: {} }))).toBe("400 M_BAD_JSON")
        expect(yield* tell(played, {}, { bytes: new TextEncoder().encode("no") })).toBe("400 M_NOT_JSON")
        expect(yield* tell(played, { ...binding, mxid: bob })).toBe("400 M_INVALID_PARAM")
        expect(yield* tell(played, withInvite({ mxid: "@dan:s3" }))).toBe("400 M_INVALID_PARAM")
        expect(yield* tell(played, withInvite({ signed: { ...object(proof.signed), mxid: bob } }))).toBe(
          "400 M_INVALID_PARAM",
        )
        expect(awaitedOn(played, "s3")).toEqual([])
        expect(yield* tell(played, { ...binding, invites: [] })).toBe("200")
        expect(yield* tell(played, binding)).toBe("200")
        yield* stage.wait(2_000)
        expect(membershipOn(played, "s1", roomId)).toBe("invite")
      }),
    ))

  it("notes no more than so many at a time: whoever likes can tell", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.user(alice).inviteByEmail(roomId, address, "id1")
        const proof = yield* proofFor(played, carol)
        const invites = Array.from({ length: 1_001 }, (_, at) => ({
          ...proof,
          room_id: `!${at}:nowhere`,
          sender: "@nobody:nowhere",
        }))
        const binding = { medium: "email", address, mxid: carol }
        expect(yield* tell(played, { ...binding, invites })).toBe("429 M_LIMIT_EXCEEDED")
        expect(awaitedOn(played, "s3")).toEqual([])
        expect(yield* tell(played, { ...binding, invites: [proof] })).toBe("200")
      }),
    ))

  it("gives up what is refused for good, and only that", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const left = yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const proof = yield* proofFor(played, carol)
        const binding = { medium: "email", address, mxid: carol, invites: [proof] }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const busy = reply(429, { errcode: "M_LIMIT_EXCEEDED" })
            yield* played.network.rule({ path: /exchange_third_party_invite/ }, busy, { times: 2 })
            yield* tell(played, binding)
            yield* stage.wait(500)
            expect(awaitedOn(played, "s3")).toHaveLength(1)
            yield* stage.user(alice).setState(roomId, "m.room.third_party_invite", {}, left.stateKey)
            yield* stage.wait(60_000)
          }),
        )
        expect(awaitedOn(played, "s3")).toEqual([])
        expect(membershipOn(played, "s1", roomId)).toBeUndefined()
      }),
    ))

  it("does not try for ever to reach a server that may not exist", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.user(alice).inviteByEmail(roomId, address, "id1")
        const proof = { ...(yield* proofFor(played, carol)), sender: "@nobody:nowhere" }
        yield* tell(played, { medium: "email", address, mxid: carol, invites: [proof] })
        yield* stage.wait(6 * 24 * 60 * 60_000)
        expect(awaitedOn(played, "s3")).toHaveLength(1)
        yield* stage.wait(2 * 24 * 60 * 60_000)
        expect(awaitedOn(played, "s3")).toEqual([])
      }),
    ))

  it("what it has answered outlives a restart", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, kernel, network } = played
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, signatures, settings: {}, disk: new MemoryDisk() }
        yield* stage.user(alice).inviteByEmail(roomId, "dan@example.org", "id1")
        yield* stage.partition(["s1"], ["s9", "id1"])
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* bootServer("s9", parts)
            yield* played.identityServers
              .get("id1")!
              .bind({ medium: "email", address: "dan@example.org" }, "@dan:s9")
            yield* stage.wait(3_000)
          }),
        )
        yield* stage.heal
        const again = yield* bootServer("s9", parts)
        yield* stage.wait(3_000)
        expect(membershipOn(played, "s1", roomId, "@dan:s9")).toBe("invite")
        yield* again.users.join("@dan:s9", roomId, [])
      }).pipe(Effect.scoped),
    ))
})
