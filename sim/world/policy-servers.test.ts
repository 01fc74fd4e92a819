/** Policy servers: who asks them, what they answer, and what becomes of events that they did not sign. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { pduBytesMax } from "#spec-impl/core/limits.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import type { HomeserverSettings, Policy } from "#spec-impl/homeserver/settings.ts"
import { alterReply, drop, reply } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const watch = "@watch:s3"
const target = "/_matrix/policy/v1/sign"

/** Against whatever speaks of spam. */
const noSpam: Policy = ({ content }) =>
  JSON.stringify(content).includes("spam") ? "no spam here" : undefined

/** Alice, Bob and the policy server's watch in a room; s3 is the policy server, and protects it unless told otherwise. */
const inRoom = (
  story: (played: Played, roomId: string) => Effect.Effect<void, unknown>,
  {
    isProtected = true,
    settingsOf = () => ({}),
    ...options
  }: PlayOptions & { readonly isProtected?: boolean } = {},
) =>
  play(
    {
      servers: 4,
      ...options,
      settingsOf: (server): Partial<HomeserverSettings> => ({
        ...(server === "s3" ? { policy: noSpam } : {}),
        ...settingsOf(server),
      }),
    },
    (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom()
        for (const userId of [bob, watch]) {
          yield* stage.user(userId).join(roomId, "s1")
          yield* stage.quiet
        }
        if (isProtected) yield* stage.user(alice).setState(roomId, "m.room.policy", policyOf(played))
        yield* stage.quiet
        yield* story(played, roomId)
      }),
  )

const policyOf = ({ servers }: Played): JsonObject => ({
  via: "s3",
  public_keys: { ed25519: encodeBase64(servers.get("s3")!.identity.policyServerKey!.publicKey) },
})
/** Server and key id of each signature. */
const signersOf = ({ pdu }: Pick<Event, "pdu">): readonly string[] =>
  Object.entries(pdu.signatures as Record<string, JsonObject>)
    .flatMap(([server, keys]) => Object.keys(keys).map((keyId) => `${server} ${keyId}`))
    .sort()
const verdictOn = ({ servers }: Played, server: string, roomId: string, eventId: string) => {
  const record = servers.get(server)!.rooms.find(roomId)!.dag.timeline(eventId)
  return record === undefined ? undefined : `${record.verdict} ${record.objection?.check ?? ""}`.trim()
}
const verdicts = (played: Played, roomId: string, eventId: string) =>
  ["s1", "s2", "s3"].map((server) => verdictOn(played, server, roomId, eventId))
let transactions = 0
/** Pushes a PDU from one server to others in a transaction of its own. */
const push = (played: Played, from: string, to: readonly string[], pdu: JsonObject) =>
  Effect.forEach(to, (destination) =>
    sendRaw(played, {
      from,
      to: destination,
      method: "PUT",
      target: `/_matrix/federation/v1/send/t${++transactions}`,
      body: { origin: from, origin_server_ts: 0, pdus: [pdu] },
    }),
  )
const asksIn = (played: Played) => {
  let asked = 0
  return Effect.as(played.stage.rule("count", { path: target, body: () => ++asked < 0 }, drop), () => asked)
}

describe("a server that sends", () => {
  for (const { id } of roomVersions) {
    it(`room ${id}: asks first, and everybody sees the signature; what is refused is never sent`, () =>
      inRoom(
        (played, roomId) =>
          Effect.gen(function* () {
            const { stage } = played
            const said = yield* stage.user(bob).say(roomId, "hello")
            yield* stage.quiet
            expect(signersOf(said)).toEqual(["s2 ed25519:1", "s3 ed25519:policy_server"])
            expect(verdicts(played, roomId, said.eventId)).toEqual(["accepted", "accepted", "accepted"])
            const error = yield* refusal(stage.user(bob).say(roomId, "buy spam"))
            expect(error).toBe("400 M_FORBIDDEN: no spam here")
            yield* stage.quiet
            for (const { rooms } of played.servers.values()) {
              const bodies = [...(rooms.find(roomId)?.dag.records() ?? [])].map(
                ({ event }) => event.content.body,
              )
              expect(bodies).not.toContain("buy spam")
            }
          }),
        { roomVersion: id },
      ))
  }

  it("asks for state and memberships as well, but not to name a policy server", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const bobs = stage.user(bob)
        const topic = yield* stage.user(alice).setState(roomId, "m.room.topic", { topic: "tea" })
        const left = yield* bobs.leave(roomId)
        const invited = yield* stage.user(alice).invite(roomId, "@dan:s4")
        for (const event of [topic, left, invited])
          expect(signersOf(event)).toContain("s3 ed25519:policy_server")
        expect(signersOf(invited)).toContain("s4 ed25519:1")
        expect(
          yield* refusal(played.servers.get("s1")!.users.kick(alice, roomId, "@dan:s4", "spam")),
        ).toContain("no spam here")
        const other = yield* stage
          .user(alice)
          .setState(roomId, "m.room.policy", { via: "spam" }, "other")
          .pipe(refusal)
        expect(other).toContain("no spam here")
        const off = yield* stage.user(alice).setState(roomId, "m.room.policy", { note: "spam for all" })
        expect(signersOf(off)).toEqual(["s1 ed25519:1"])
        const free = yield* stage.user(alice).say(roomId, "spam")
        expect(signersOf(free)).toEqual(["s1 ed25519:1"])
      }),
    ))

  it("that is the policy server keeps its own signature beside the other", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const before = played.network.requests()
        const said = yield* played.stage.user(watch).say(roomId, "I am watching")
        expect(signersOf(said)).toEqual(["s3 ed25519:1", "s3 ed25519:policy_server"])
        yield* played.stage.quiet
        expect(verdicts(played, roomId, said.eventId)).toEqual(["accepted", "accepted", "accepted"])
        expect(yield* refusal(played.stage.user(watch).say(roomId, "spam"))).toContain("400 M_FORBIDDEN")
        expect(played.network.requests()).toBe(before + 2)
      }),
    ))

  it("asks nobody about what the rules do not allow", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const asked = yield* asksIn(played)
        expect(
          yield* refusal(played.stage.user(bob).setState(roomId, "m.room.topic", { topic: "x" })),
        ).toContain("403 M_FORBIDDEN: rejected by")
        expect(asked()).toBe(0)
        yield* played.stage.user(bob).say(roomId, "hello")
        expect(asked()).toBe(1)
      }),
    ))

  it("gives the user what the policy server says, and sends nothing without a signature that holds", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const said = () => refusal(stage.user(bob).say(roomId, "hello"))
        yield* stage.rule(
          "busy",
          { path: target, body: (body) => JSON.stringify(body).includes("busy") },
          reply(429, { errcode: "M_LIMIT_EXCEEDED", error: "slowly", retry_after_ms: 7 }),
        )
        const busy = yield* Effect.flip(stage.user(bob).say(roomId, "busy"))
        expect(busy).toMatchObject({
          status: 429,
          errcode: "M_LIMIT_EXCEEDED",
          details: { retry_after_ms: 7 },
        })
        const forged = { s3: { "ed25519:policy_server": "A".repeat(86) } }
        for (const answer of [{}, { s3: {} }, { s3: { "ed25519:policy_server": 1 } }, forged]) {
          yield* stage.rule(
            "lie",
            { path: target },
            alterReply((response) => ({ ...response, body: Buffer.from(JSON.stringify(answer)) })),
          )
          expect(yield* said()).toMatch(/^502 M_UNKNOWN: s3 (gave no signature|signed with another key)/)
        }
        yield* stage.partition(["s1", "s2"], ["s3"])
        expect(yield* said()).toContain("s3: unreachable")
        expect(played.servers.get("s2")!.rooms.find(roomId)!.dag.forwardExtremities()).toHaveLength(1)
      }),
    ))
})

describe("a room uses a policy server", () => {
  it("from when it is named with a key and a user there, to when one of them goes", () =>
    inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const admin = stage.user(alice)
          const isAsked = Effect.map(admin.say(roomId, "hello"), (event) => signersOf(event).length > 1)
          const usesIt = (content: JsonObject) =>
            admin
              .setState(roomId, "m.room.policy", content)
              .pipe(Effect.andThen(stage.quiet), Effect.andThen(isAsked))
          const policy = policyOf(played)
          expect(yield* isAsked).toBe(false)
          expect(yield* usesIt(policy)).toBe(true)
          expect(yield* usesIt({ public_keys: policy.public_keys! })).toBe(false)
          expect(yield* usesIt({ ...policy, public_keys: {} })).toBe(false)
          expect(yield* usesIt({ ...policy, public_keys: { ed25519: 1 } })).toBe(false)
          expect(yield* usesIt({ ...policy, via: "s4" })).toBe(false)
          expect(yield* usesIt(policy)).toBe(true)
          yield* stage.user(watch).leave(roomId)
          yield* stage.quiet
          expect(yield* isAsked).toBe(false)
          yield* admin.invite(roomId, watch)
          yield* stage.user(watch).join(roomId)
          yield* stage.quiet
          expect(yield* isAsked).toBe(true)
          // A key that is a string but no key: the room uses it, and nothing can be signed.
          yield* admin.setState(roomId, "m.room.policy", { ...policy, public_keys: { ed25519: "!" } })
          yield* stage.quiet
          expect(yield* refusal(isAsked)).toContain("signed with another key")
        }),
      { isProtected: false },
    ))
})

describe("the key of a policy server", () => {
  it("is told to whoever asks, and is the one that its signatures are by", () =>
    inRoom((played) =>
      Effect.gen(function* () {
        const at = { method: "GET", target: "/.well-known/matrix/policy_server", unsigned: true }
        const { body } = yield* sendRaw(played, { from: "s1", to: "s3", ...at })
        expect(body).toEqual({ public_keys: policyOf(played).public_keys })
        const { status, errcode } = yield* sendRaw(played, { from: "s1", to: "s2", ...at })
        expect([status, errcode]).toEqual([404, "M_NOT_FOUND"])
      }),
    ))
})

describe("a server that receives", () => {
  it("asks for a signature that is missing, or is by another key, and takes the event with it", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const asked = yield* asksIn(played)
        const unsigned = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        const wrong = {
          ...(unsigned.signatures as JsonObject),
          s3: { "ed25519:policy_server": "A".repeat(86) },
        }
        for (const [body, pdu] of [
          ["missing", yield* craftPdu(played, "s2", roomId, message(bob, "missing"))],
          ["wrong", { ...unsigned, signatures: wrong }],
        ] as const) {
          const before = asked()
          yield* push(played, "s2", ["s1"], pdu)
          const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
          const tip = dag.timeline(dag.forwardExtremities()[0]!)!
          expect([body, tip.verdict, signersOf(tip.event)]).toEqual([
            body,
            "accepted",
            ["s2 ed25519:1", "s3 ed25519:policy_server"],
          ])
          expect(asked()).toBe(before + 1)
        }
      }),
    ))

  it("soft-fails what is refused, or cannot be signed, and asks once; the room agrees when its sender goes on", () =>
    inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const asked = yield* asksIn(played)
          const spam = yield* stage.user(bob).say(roomId, "spam")
          yield* stage.quiet
          expect(verdicts(played, roomId, spam.eventId)).toEqual([
            "soft-failed 7",
            "accepted",
            "soft-failed 7",
          ])
          expect(asked()).toBe(1)
          yield* stage.partition(["s1", "s2"], ["s3"])
          yield* stage.user(alice).setState(roomId, "m.room.power_levels", {}).pipe(Effect.ignore)
          const cut = yield* stage.user(bob).say(roomId, "while it is away")
          yield* stage.wait(2_000)
          expect(verdictOn(played, "s1", roomId, cut.eventId)).toBe("soft-failed 7")
          expect(played.servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities()).not.toContain(
            cut.eventId,
          )
          yield* stage.heal
          yield* stage.quiet
          expect(verdicts(played, roomId, cut.eventId)).toEqual(["soft-failed 7", "accepted", "accepted"])
          const next = yield* stage.user(bob).say(roomId, "back again")
          yield* stage.quiet
          expect(verdicts(played, roomId, next.eventId)).toEqual(["accepted", "accepted", "accepted"])
        }),
      {
        settingsOf: (server) =>
          server === "s2" ? { readings: { ...readingsDefault, policyServers: "unknown" } } : {},
      },
    ))

  it("asks on receipt and no more: a signature on what it holds soft-failed changes nothing, until it is built upon", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "early"))
        yield* Effect.scoped(
          Effect.andThen(
            played.network.rule({ path: target }, reply(400, { errcode: "M_UNKNOWN", error: "not now" })),
            push(played, "s2", ["s1"], pdu),
          ),
        )
        const { dag } = servers.get("s1")!.rooms.find(roomId)!
        const held = [...dag.records()].at(-1)!
        expect(held).toMatchObject({ verdict: "soft-failed", objection: { check: 7 } })
        yield* push(played, "s2", ["s3"], pdu)
        const signed = servers.get("s3")!.rooms.find(roomId)!.dag.timeline(held.event.eventId)!
        expect(signersOf(signed.event)).toContain("s3 ed25519:policy_server")
        yield* push(played, "s3", ["s1"], signed.event.pdu)
        expect(dag.timeline(held.event.eventId)).toBe(held)
        const next = yield* stage.user(watch).say(roomId, "so it was")
        yield* stage.quiet
        expect(next.prevEvents).toEqual([held.event.eventId])
        expect(dag.forwardExtremities()).toEqual([next.eventId])
      }),
    ))

  it("keeps what would be too large with the policy server's signature without it, also over a restart", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const empty = yield* craftPdu(played, "s2", roomId, message(bob, ""))
        const room = pduBytesMax - canonicalJsonBytes(empty).length - 40
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "a".repeat(room)))
        yield* push(played, "s2", ["s1"], pdu)
        const { event } = [...servers.get("s1")!.rooms.find(roomId)!.dag.records()].at(-1)!
        expect(event.content.body).toHaveLength(room)
        expect(verdictOn(played, "s1", roomId, event.eventId)).toBe("soft-failed 7")
        yield* stage.restart("s1")
        expect(verdictOn(played, "s1", roomId, event.eventId)).toBe("soft-failed 7")
        const error = yield* refusal(stage.user(bob).say(roomId, "a".repeat(room)))
        expect(error).toContain("400 M_BAD_JSON: with the signature of s3 such an event cannot be")
      }),
    ))

  it("is not told to reject: what the policy server did not sign still counts as auth event and as parent", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.partition(["s1"], ["s3"], ["s2"])
        const topic = yield* craftPdu(played, "s1", roomId, {
          type: "m.room.topic",
          sender: alice,
          stateKey: "",
          content: { topic: "unsigned" },
        })
        yield* stage.heal
        yield* stage.rule("away", { path: target }, drop)
        yield* push(played, "s1", ["s2"], topic)
        expect(stage.stateOf("s2", roomId, "m.room.topic")).toBeUndefined()
        const { dag } = played.servers.get("s2")!.rooms.find(roomId)!
        const held = [...dag.records()].find(({ event }) => event.type === "m.room.topic")!
        expect([held.verdict, held.objection?.rule]).toEqual(["soft-failed", "policy"])
      }),
    ))
})

describe("who comes from outside", () => {
  it("is put before the policy server by the resident, and gets the join as that signed it", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const asked = yield* asksIn(played)
        const join = yield* played.stage.user("@dan:s4").join(roomId, "s1")
        expect(signersOf(join)).toEqual(["s3 ed25519:policy_server", "s4 ed25519:1"])
        yield* played.stage.quiet
        expect(verdicts(played, roomId, join.eventId)).toEqual(["accepted", "accepted", "accepted"])
        expect(asked()).toBe(1)
      }),
    ))

  it("so are a knock, and an invite that is turned down", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        yield* stage.user(alice).setState(roomId, "m.room.join_rules", { join_rule: "knock" })
        const signersOn = (server: string) => {
          const { dag } = servers.get(server)!.rooms.find(roomId)!
          return signersOf(dag.eventIn(dag.currentState(), "m.room.member", "@dan:s4")!)
        }
        yield* stage.user("@dan:s4").knock(roomId, "s1")
        yield* stage.quiet
        for (const server of ["s1", "s2"]) expect(signersOn(server)).toContain("s3 ed25519:policy_server")
        const asked = yield* asksIn(played)
        yield* stage.user(alice).invite(roomId, "@dan:s4")
        yield* stage.user("@dan:s4").leave(roomId)
        yield* stage.quiet
        expect(stage.stateOf("s2", roomId, "m.room.member", "@dan:s4")?.content.membership).toBe("leave")
        for (const server of ["s1", "s2"]) expect(signersOn(server)).toContain("s3 ed25519:policy_server")
        // Once for the invite, and once by s4 for the leave: the resident finds it signed.
        expect(asked()).toBe(2)
      }),
    ))

  it("asks itself where it knows of the policy server: from an invite, or from when it was in the room", () =>
    inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          const dan = stage.user("@dan:s4")
          yield* stage.user(alice).invite(roomId, "@dan:s4")
          const sources: string[] = []
          yield* stage.rule("who", { path: target, source: "s4", body: () => sources.push("s4") < 0 }, drop)
          expect(yield* refusal(dan.join(roomId))).toBe("400 M_FORBIDDEN: not you")
          expect(sources).toEqual(["s4"])
          // What it knows may be of yesterday: without an answer the resident decides.
          yield* stage.partition(["s4", "s1", "s2"], ["s3", "s1", "s2"])
          expect(yield* refusal(dan.join(roomId))).toContain("403 M_FORBIDDEN: rejected by policy")
        }),
      {
        settingsOf: (server) =>
          server === "s3"
            ? {
                policy: ({ sender, content }) =>
                  sender === "@dan:s4" && content.membership === "join" ? "not you" : undefined,
              }
            : {},
      },
    ))
})

describe("POST /_matrix/policy/v1/sign", () => {
  const ask = (played: Played, body: JsonObject, more = {}) =>
    Effect.map(
      sendRaw(played, { from: "s2", to: "s3", method: "POST", target, body, ...more }),
      ({ status, errcode, body: answer }) =>
        errcode === undefined ? answer : `${status} ${String(errcode)}`,
    )

  it("gives its signature alone, or says why not", () =>
    inRoom((played, roomId) =>
      Effect.gen(function* () {
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        expect(yield* ask(played, pdu)).toEqual({ s3: { "ed25519:policy_server": expect.any(String) } })
        const spam = yield* craftPdu(played, "s2", roomId, message(bob, "spam"))
        expect(yield* ask(played, spam)).toBe("400 M_FORBIDDEN")
        expect(yield* ask(played, { ...pdu, sender: 1 })).toBe("400 M_BAD_JSON")
        expect(yield* ask(played, { ...pdu, content: { body: "other" } })).toBe("400 M_BAD_JSON")
        expect(yield* ask(played, {}, { bytes: new TextEncoder().encode("no") })).toBe("400 M_NOT_JSON")
        expect(yield* ask(played, { ...pdu, room_id: "!nowhere:s1" })).toBe("404 M_NOT_FOUND")
        expect(yield* ask(played, { ...pdu, room_id: {} })).toBe("404 M_NOT_FOUND")
        const naming = { type: "m.room.policy", sender: alice, stateKey: "", content: {} }
        expect(yield* ask(played, yield* craftPdu(played, "s1", roomId, naming))).toBe("400 M_FORBIDDEN")
        expect(yield* ask(played, pdu, { to: "s1" })).toBe("404 M_UNRECOGNIZED")
        for (const { destination, ...wrong } of Object.values(wrongSignatures)) {
          const elsewhere = destination === undefined ? wrong : { destination: "s4" }
          expect(yield* ask(played, pdu, elsewhere)).toBe("401 M_UNAUTHORIZED")
        }
      }),
    ))

  it("is for rooms that name it, and not for servers that their ACL denies", async () => {
    await inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
          expect(yield* ask(played, pdu)).toBe("404 M_NOT_FOUND")
        }),
      { isProtected: false },
    )
    await inRoom((played, roomId) =>
      Effect.gen(function* () {
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        yield* played.stage.user(alice).setState(roomId, "m.room.server_acl", { allow: ["*"], deny: ["s2"] })
        yield* played.stage.quiet
        expect(yield* ask(played, pdu)).toBe("403 M_FORBIDDEN")
      }),
    )
  })

  it("answers each server so often in a minute", () =>
    inRoom(
      (played, roomId) =>
        Effect.gen(function* () {
          const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
          yield* ask(played, pdu)
          yield* ask(played, pdu)
          yield* played.stage.wait(20_000)
          const third = yield* sendRaw(played, { from: "s2", to: "s3", method: "POST", target, body: pdu })
          expect([third.status, third.errcode]).toEqual([429, "M_LIMIT_EXCEEDED"])
          expect(third.body.retry_after_ms).toBeLessThanOrEqual(40_000)
          expect(yield* ask(played, pdu, { from: "s1", origin: "s1" })).toMatchObject({ s3: {} })
          yield* played.stage.wait(Number(third.body.retry_after_ms))
          expect(yield* ask(played, pdu)).toMatchObject({ s3: {} })
        }),
      { settings: { policyRequestsPerMinuteMax: 2 }, isProtected: true },
    ))
})
