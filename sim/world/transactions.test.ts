/** Transactions (server-server API §Transactions): what is taken in and what is answered; what is sent, and sent again. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { JsonFloat, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { Edus } from "#spec-impl/homeserver/edus.ts"
import { EventStore } from "#spec-impl/store/event-store.ts"
import { alterReply, delay, reply } from "../network/rules.ts"
import { craftPdu, message } from "./testing/craft-event.ts"
import { type Played, type PlayOptions, play } from "./testing/play.ts"
import { type RawRequest, sendRaw, wrongSignatures } from "./testing/raw-request.ts"

const bob = "@bob:s2"
const hourMs = 3_600_000

/** Alice's room on s1, with one user of each other server. */
const inRoom = <A, E>(options: PlayOptions, story: (played: Played, roomId: string) => Effect.Effect<A, E>) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user("@alice:s1").createRoom()
      yield* stage.user(bob).join(roomId, "s1")
      if (stage.servers.includes("s3")) yield* stage.user("@carol:s3").join(roomId, "s1")
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

/** `PUT /send` of s2 to s1. */
const put = (played: Played, transactionId: string, body: JsonValue, changes: Partial<RawRequest> = {}) => {
  const target = `/_matrix/federation/v1/send/${transactionId}`
  return sendRaw(played, { from: "s2", to: "s1", method: "PUT", target, body, ...changes })
}
const errorsIn = (body: JsonObject): readonly unknown[] =>
  Object.values(body.pdus as Record<string, JsonObject>).map(({ error }) => error)

/** How often s1 was told of an EDU of kind `x.test`. */
const countEdus = ({ servers }: Played, server = "s1") => {
  const heard: JsonValue[] = []
  Context.get(servers.get(server)!.services, Edus).handle("x.test", (_, { n }) =>
    Effect.sync(() => void heard.push(n ?? null)),
  )
  return heard
}
const edu = (n: JsonValue) => ({ edu_type: "x.test", content: { n } })

/** Events that a server took in, in that order. */
const takenIn = ({ kernel }: Played, server: string): readonly string[] =>
  kernel.trace.records
    .filter(({ kind, fields }) => kind === "event" && fields[0] === server && fields[3] === "timeline")
    .map(({ fields }) => String(fields[2]))

interface Sent {
  readonly atMs: number
  readonly target: string
  readonly bytes: string
  readonly pdus: readonly JsonObject[]
}

/** The transactions that one server sent another, each attempt. */
const sentBy = ({ requests }: Played, source: string, destination: string): readonly Sent[] =>
  requests
    .filter((request) => request.source === source && request.destination === destination)
    .filter(({ method, target }) => method === "PUT" && target.startsWith("/_matrix/federation/v1/send/"))
    .map(({ virtualMs, target, body }) => {
      const { pdus } = readJson(body) as unknown as { readonly pdus: readonly JsonObject[] }
      return { atMs: virtualMs, target, bytes: Buffer.from(body).toString(), pdus }
    })

const bodiesOf = (pdus: readonly JsonObject[]) => pdus.map(({ content }) => (content as JsonObject).body)

describe("a transaction that is received", () => {
  for (const [what, changes] of Object.entries(wrongSignatures)) {
    it(`with ${what} is refused`, async () => {
      await inRoom({}, (played) =>
        Effect.gen(function* () {
          const { status, errcode } = yield* put(played, "t", { pdus: [] }, changes)
          expect([status, errcode]).toEqual([401, "M_UNAUTHORIZED"])
        }),
      )
    })
  }

  it("is refused when it breaks the limits or is no JSON, and nothing of it is taken in", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const heard = countEdus(played)
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "one of too many"))
        const before = takenIn(played, "s1")
        const edus = (count: number) => Array.from({ length: count }, (_, n) => edu(n))
        const bad = "400 M_BAD_JSON"
        for (const [changes, expected] of [
          [{ body: { pdus: Array(51).fill(pdu) } }, bad],
          [{ body: { pdus: [pdu], edus: edus(101) } }, bad],
          [{ body: { edus: [] } }, bad],
          [{ body: { pdus: "none" } }, bad],
          [{ body: { pdus: [pdu], edus: {} } }, bad],
          [{ body: { pdus: [pdu], origin: 7 } }, bad],
          [{ body: [pdu] }, bad],
          [{ bytes: new TextEncoder().encode('{"pdus":[') }, "400 M_NOT_JSON"],
          [{ body: { pdus: [pdu] }, method: "POST" }, "405 M_UNRECOGNIZED"],
          [{ body: { pdus: [pdu] }, target: "/_matrix/federation/v1/send" }, "404 M_UNRECOGNIZED"],
        ] as const) {
          const { status, errcode } = yield* put(played, "bad", {}, changes)
          expect(`${status} ${String(errcode)}`).toBe(expected)
        }
        expect([takenIn(played, "s1"), heard]).toEqual([before, []])
        const full = yield* put(played, "full", { pdus: Array(50).fill(pdu), edus: edus(100) })
        expect([full.status, errorsIn(full.body), heard.length]).toEqual([200, [undefined], 100])
      }),
    )
  })

  it("with bad PDUs among fifty: each has its error, the others are taken in (divergence 9)", async () => {
    await inRoom({ roomVersion: "10" }, (played, roomId) =>
      Effect.gen(function* () {
        const odd = (value: JsonValue) =>
          craftPdu(played, "s2", roomId, message(bob, "odd"), (pdu) => ({ ...pdu, depth: value }))
        const wrong: readonly (readonly [JsonValue, string | undefined])[] = [
          [yield* odd(9007199254740992n), "9007199254740992"],
          [yield* odd(new JsonFloat(1.5)), "1.5 is written as a float"],
          [
            yield* craftPdu(played, "s2", roomId, message(bob, "tampered"), (pdu) => ({
              ...pdu,
              sender: "@x:s3",
            })),
            "s3 has not signed it",
          ],
          [yield* craftPdu(played, "s2", roomId, message("@nobody:s2", "hello")), undefined],
          // Without a room version there is no event id by which it could be told.
          [{ ...message(bob, "lost"), room_id: "!unknown:s9" }, undefined],
          ["no object", undefined],
        ]
        const good: JsonObject[] = []
        for (let count = wrong.length; count < 50; count++) {
          good.push(yield* craftPdu(played, "s2", roomId, message(bob, `message ${count}`)))
        }
        const before = takenIn(played, "s1").length
        const { status, body } = yield* put(played, "mixed", {
          pdus: [...wrong.map(([pdu]) => pdu), ...good],
        })
        expect(status).toBe(200)
        expect(Object.keys(body.pdus as object).every((eventId) => eventId.startsWith("$"))).toBe(true)
        const errors = errorsIn(body)
        expect(errors.length).toBe(48)
        expect(errors.filter((error) => error === undefined).length).toBe(45)
        for (const [, text] of wrong) {
          if (text !== undefined) expect(errors).toContainEqual(expect.stringContaining(text))
        }
        const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
        // What the rules reject is held all the same, and no error (§Rejection).
        expect(takenIn(played, "s1").length - before).toBe(45)
        expect(dag.forwardExtremities().length).toBe(44)
      }),
    )
  })

  it("with identifiers of any kind is answered, and its other PDUs are taken in", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const good = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        const pdus = [{}, [], [[{}]], null, 7, true, ""].flatMap((value) => [
          { ...message(bob, "odd"), room_id: value },
          { type: "m.room.member", room_id: roomId, state_key: value, content: { membership: "leave" } },
          { ...good, type: value, event_id: value, content: value },
        ])
        const before = takenIn(played, "s1").length
        const { status } = yield* put(played, "odd", { pdus: [...pdus, good] })
        expect([status, takenIn(played, "s1").length]).toEqual([200, before + 1])
      }),
    )
  })

  it("says of rooms 1 and 2 by their own ids what it does not know", async () => {
    await inRoom({ roomVersion: "1" }, (played) =>
      Effect.gen(function* () {
        const pdu = { ...message(bob, "lost"), room_id: "!unknown:s9", event_id: "$lost:s2" }
        const { body } = yield* put(played, "t", { pdus: [pdu] })
        expect(body).toEqual({ pdus: { "$lost:s2": { error: "not in that room" } } })
      }),
    )
  })

  it("with EDUs that make no sense says nothing of them, and takes in the others", async () => {
    await inRoom({}, (played) =>
      Effect.gen(function* () {
        const heard = countEdus(played)
        const odd = ["no object", {}, { edu_type: "x.test" }, { edu_type: 7, content: {} }, { content: {} }]
        const { status, body } = yield* put(played, "t", { pdus: [], edus: [...odd, edu(1)] })
        expect([status, body, heard]).toEqual([200, { pdus: {} }, [1]])
      }),
    )
  })

  it("of a server that the room's ACL denies: its PDUs have errors", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const acl = { allow: ["*"], deny: ["s2"] }
        yield* stage.user("@alice:s1").setState(roomId, "m.room.server_acl", acl)
        yield* stage.quiet
        const pdu = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        const { status, body } = yield* put(played, "t", { pdus: [pdu] })
        expect([status, errorsIn(body)]).toEqual([200, ["s2 is denied by the server ACL"]])
      }),
    )
  })
})

describe("a transaction that is repeated", () => {
  const repeated = (
    story: (played: Played, body: JsonObject, roomId: string) => Effect.Effect<void, unknown>,
  ) =>
    inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const good = yield* craftPdu(played, "s2", roomId, message(bob, "hello"))
        const bad = yield* craftPdu(played, "s2", roomId, message(bob, "bad"), (pdu) => ({
          ...pdu,
          depth: -1,
        }))
        yield* story(played, { pdus: [good, bad], edus: [edu(1)] }, roomId)
      }),
    )

  it("is answered as before, whatever it brings, and taken in once", async () => {
    await repeated((played, body) =>
      Effect.gen(function* () {
        const heard = countEdus(played)
        const first = yield* put(played, "t", body)
        expect(errorsIn(first.body).length).toBe(2)
        expect((yield* put(played, "t", { pdus: [], edus: [edu(2)] })).body).toEqual(first.body)
        expect(heard).toEqual([1])
        yield* put(played, "other", { pdus: [], edus: [edu(3)] })
        yield* put(played, "t", { pdus: [], edus: [edu(4)] }, { from: "s3" })
        expect(heard).toEqual([1, 3, 4])
      }),
    )
  })

  it("while it is at work is taken in once, and all are answered", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const heard = countEdus(played)
        // It takes long to find out that its parent is not to be had.
        yield* played.stage.rule("slow", { source: "s1", path: /\/get_missing_events\// }, delay(5_000))
        const late = yield* craftPdu(played, "s2", roomId, message(bob, "late"), (pdu) => ({
          ...pdu,
          prev_events: ["$nobody-has-it"],
        }))
        const answers = yield* Effect.all(
          Array.from({ length: 5 }, () => put(played, "t", { pdus: [late], edus: [edu(1)] })),
          { concurrency: "unbounded" },
        )
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
        for (const { body } of answers) expect(body).toEqual(answers[0]!.body)
        expect(heard).toEqual([1])
      }),
    )
  })

  it("after a restart is answered as before", async () => {
    await repeated((played, body) =>
      Effect.gen(function* () {
        const { body: first } = yield* put(played, "t", body)
        yield* played.stage.restart("s1")
        const heard = countEdus(played)
        expect((yield* put(played, "t", body)).body).toEqual(first)
        expect(heard).toEqual([])
      }),
    )
  })

  it("is remembered for a day, and harmless after that", async () => {
    await repeated((played, body, roomId) =>
      Effect.gen(function* () {
        const heard = countEdus(played)
        yield* put(played, "t", body)
        yield* played.stage.wait(23 * hourMs)
        yield* put(played, "at 23 hours", { pdus: [] })
        yield* put(played, "t", body)
        expect(heard).toEqual([1])
        yield* played.stage.wait(2 * hourMs)
        yield* put(played, "at 25 hours", { pdus: [] })
        const before = [
          takenIn(played, "s1"),
          played.servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities(),
        ]
        expect(errorsIn((yield* put(played, "t", body)).body)).toContain(undefined)
        expect(heard).toEqual([1, 1])
        expect([
          takenIn(played, "s1"),
          played.servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities(),
        ]).toEqual(before)
      }),
    )
  })
})

it("many transactions of one origin at once: none waits for ever, no PDU is taken in twice, each keeps its order", async () => {
  for (const seed of [1, 2, 3]) {
    await inRoom({ seed }, (played, roomId) =>
      Effect.gen(function* () {
        const chain: JsonObject[] = []
        for (let count = 0; count < 10; count++) {
          chain.push(yield* craftPdu(played, "s2", roomId, message(bob, `message ${count}`)))
        }
        const before = takenIn(played, "s1").length
        const transactions = Array.from({ length: 8 }, (_, at) => [...chain.slice(at), ...chain.slice(0, at)])
        const answers = yield* Effect.all(
          transactions.map((pdus, at) => put(played, `t${at}`, { pdus })),
          { concurrency: "unbounded" },
        )
        for (const { status, body } of answers) {
          expect([status, errorsIn(body)]).toEqual([200, Array(10).fill(undefined)])
        }
        const taken = takenIn(played, "s1").slice(before)
        expect([taken.length, new Set(taken).size]).toEqual([10, 10])
        const more: JsonObject[] = []
        for (let count = 0; count < 5; count++) {
          more.push(yield* craftPdu(played, "s2", roomId, message(bob, `again ${count}`)))
        }
        const { body } = yield* put(played, "last", { pdus: more.toReversed() })
        const inOrder = takenIn(played, "s1").slice(before + 10)
        expect(new Set(inOrder)).toEqual(new Set(Object.keys(body.pdus as object)))
        const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
        const said = inOrder.map((eventId) => dag.record(eventId)!.event.content.body)
        expect(said).toEqual(bodiesOf(more.toReversed()))
      }),
    )
  }
})

describe("transactions that are sent", () => {
  const sayMany = ({ stage }: Played, roomId: string, count: number, userId = "@alice:s1") =>
    Effect.forEach(
      Array.from({ length: count }, (_, n) => n),
      (n) =>
        stage
          .user(userId)
          .say(roomId, `message ${n}`)
          .pipe(Effect.andThen(stage.wait(10))),
    )

  it("hold fifty PDUs at most, in their order", async () => {
    await inRoom({ servers: 2 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const before = sentBy(played, "s1", "s2").length
        yield* stage.rule("slow", { source: "s1", path: /\/send\// }, delay(5_000))
        yield* sayMany(played, roomId, 121)
        yield* stage.quiet
        const sent = sentBy(played, "s1", "s2").slice(before)
        expect(sent.map(({ pdus }) => pdus.length)).toEqual([1, 50, 50, 20])
        const said = sent.flatMap(({ pdus }) => bodiesOf(pdus))
        expect(said).toEqual(Array.from({ length: 121 }, (_, n) => `message ${n}`))
      }),
    )
  })

  it("are kept with their event where nothing else is under way, and leave then, one and the same for all", async () => {
    await inRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { trace } = played.kernel
        const before = trace.records.length
        yield* sayMany(played, roomId, 1)
        const mine = trace.records
          .slice(before)
          .filter(
            ({ kind, fields }) =>
              (kind === "store" && fields[0] === "s1") || (kind === "request" && fields[1] === "s1"),
          )
        expect(mine.map(({ kind }) => kind)).toEqual(["store", "request", "request"])
        expect(mine[1]!.fields[4]).toBe(mine[2]!.fields[4])
      }),
    )
  })

  it("do not leave with an event that could not be kept, and the next go on", async () => {
    await inRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const before = sentBy(played, "s1", "s2").length
        const undo = yield* stage.fault({ fault: "disk-full", servers: ["s1"] })
        const refused = yield* Effect.exit(sayMany(played, roomId, 1))
        expect(refused._tag).toBe("Failure")
        expect(servers.get("s1")!.destinations.unsent()).toEqual([])
        yield* undo
        yield* sayMany(played, roomId, 2)
        yield* stage.quiet
        expect(
          sentBy(played, "s1", "s2")
            .slice(before)
            .flatMap(({ pdus }) => bodiesOf(pdus)),
        ).toEqual(["message 0", "message 1"])
      }),
    )
  })

  it("are repeated to the byte until they are answered, ever less often, whatever the other server says", async () => {
    for (const status of [401, 403, 404, 413, 500]) {
      await inRoom({ servers: 2 }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, network, servers } = played
          const before = sentBy(played, "s1", "s2").length
          const refused = reply(status, { errcode: "M_UNKNOWN", error: "never" })
          yield* Effect.scoped(
            Effect.gen(function* () {
              yield* network.rule({ source: "s1", path: /\/send\// }, refused)
              yield* sayMany(played, roomId, 3)
              yield* stage.wait(hourMs)
            }),
          )
          const attempts = sentBy(played, "s1", "s2").slice(before)
          expect(new Set(attempts.map(({ target }) => target)).size).toBe(1)
          expect(new Set(attempts.map(({ bytes }) => bytes)).size).toBe(1)
          const waits = attempts
            .slice(1)
            .map(({ atMs }, at) => Math.floor((atMs - attempts[at]!.atMs) / 1_000))
          expect(waits.slice(0, 11)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
          expect(servers.get("s1")!.destinations.unsent()).toMatchObject([
            { destination: "s2", eventCount: 2 },
          ])
          yield* stage.quiet
          const { dag } = servers.get("s2")!.rooms.find(roomId)!
          expect(dag.forwardExtremities()).toEqual(
            servers.get("s1")!.rooms.find(roomId)!.dag.forwardExtremities(),
          )
        }),
      )
    }
  })

  it("wait as long as a server that limits their rate asks for", async () => {
    await inRoom({ servers: 2 }, (played, roomId) =>
      Effect.gen(function* () {
        const limited = reply(429, { errcode: "M_LIMIT_EXCEEDED", error: "", retry_after_ms: 45_000 })
        const before = sentBy(played, "s1", "s2").length
        yield* played.network.rule({ source: "s1", path: /\/send\// }, limited, { times: 1 })
        yield* sayMany(played, roomId, 1)
        yield* played.stage.quiet
        const [first, second] = sentBy(played, "s1", "s2").slice(before)
        expect(Math.floor((second!.atMs - first!.atMs) / 1_000)).toBe(45)
      }).pipe(Effect.scoped),
    )
  })

  it("are the same to the byte after a crash of who sends them", async () => {
    await inRoom({ servers: 2 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const before = sentBy(played, "s1", "s2").length
        yield* stage.partition(["s1"], ["s2"])
        yield* sayMany(played, roomId, 3)
        yield* stage.wait(5_000)
        yield* stage.restart("s1")
        yield* stage.wait(5_000)
        yield* stage.restart("s1")
        yield* stage.heal
        yield* stage.quiet
        const sent = sentBy(played, "s1", "s2").slice(before)
        expect(new Map(sent.map(({ target, bytes }) => [target, bytes])).size).toBe(2)
        expect(new Set(sent.map(({ bytes }) => bytes)).size).toBe(2)
        expect(bodiesOf(sent.at(-1)!.pdus)).toEqual(["message 2"])
      }),
    )
  })

  it("once more after an answer that was lost, which the other server knows again", async () => {
    await inRoom({ servers: 2 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const heard = countEdus(played, "s2")
        const lost = alterReply((response) => ({ ...response, status: 502 }))
        yield* network.rule({ source: "s1", path: /\/send\// }, lost, { times: 1 })
        yield* played.servers.get("s1")!.destinations.sendEdus([{ id: "e", edu: edu(1) }], ["s2"])
        yield* sayMany(played, roomId, 1)
        yield* stage.quiet
        expect(heard).toEqual([1])
        expect(played.servers.get("s1")!.destinations.unsent()).toEqual([])
      }).pipe(Effect.scoped),
    )
  })

  it("after an outage hold the room's forward extremities, also where others spoke in between", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const other = yield* stage.user("@alice:s1").createRoom()
        yield* stage.user("@carol:s3").join(other, "s1")
        yield* stage.quiet
        yield* stage.partition(["s1", "s2"], ["s3"])
        for (let turn = 0; turn < 12; turn++) {
          yield* stage.user("@alice:s1").say(roomId, `alice ${turn}`)
          yield* stage.wait(1_000)
          yield* stage.user(bob).say(roomId, `bob ${turn}`)
          yield* stage.wait(1_000)
        }
        yield* stage.user("@alice:s1").say(other, "elsewhere")
        yield* stage.wait(1_000)
        const before = sentBy(played, "s1", "s3").length
        yield* stage.heal
        yield* stage.quiet
        const [again, caughtUp, ...more] = sentBy(played, "s1", "s3")
          .slice(before)
          .filter(({ target }, at, all) => target !== all[at - 1]?.target)
        expect([bodiesOf(again!.pdus), bodiesOf(caughtUp!.pdus), more]).toEqual([
          ["alice 0"],
          ["alice 11", "elsewhere"],
          [],
        ])
        for (const room of [roomId, other]) {
          const [tips, expected] = ["s3", "s1"].map((name) =>
            played.servers.get(name)!.rooms.find(room)!.dag.forwardExtremities(),
          )
          expect(tips).toEqual(expected)
        }
        yield* stage.restart("s1")
        expect(played.servers.get("s1")!.destinations.unsent()).toEqual([])
      }),
    )
  })

  it("lose no EDU that takes the place of one in flight, though the server crash right then", async () => {
    await inRoom({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { stage, servers, network } = played
        const heard = countEdus(played, "s2")
        const { destinations, services } = servers.get("s1")!
        const store = Context.get(
          services as Context.Context<never> as Context.Context<EventStore>,
          EventStore,
        )
        const keep = (n: number) => {
          const edus = [{ id: "e", edu: edu(n) }]
          return store
            .commit({ destinations: destinations.eduWritesFor(edus, ["s2"]) })
            .pipe(Effect.andThen(destinations.sendEdus(edus, ["s2"])))
        }
        yield* network.rule({ source: "s1", path: /\/send\// }, delay(2_000), { times: 1 })
        yield* keep(1)
        yield* stage.wait(1_000)
        yield* keep(2)
        yield* network.rule({ source: "s1", path: /\/send\// }, { kind: "drop" }, { times: 1 })
        yield* stage.wait(2_000)
        expect(heard).toEqual([1])
        yield* stage.restart("s1")
        yield* stage.quiet
        expect(heard).toEqual([1, 2])
      }).pipe(Effect.scoped),
    )
  })
})
