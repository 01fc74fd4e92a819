/** What a server does about a gap that goes back behind its own join (server-server API §Backfilling and retrieving missing events). */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { drop, reply } from "../network/rules.ts"
import type { Actor } from "./stage.ts"
import { type Played, play } from "./testing/play.ts"
import { stateAsker } from "./testing/state-asker.ts"

/**
 * Carol of s3 joins by way of s2 while s1 does not hear of it: what Alice of s1 says then builds on what came before
 * the join. What a server tells of that goes back to its own join, or to the first events of the room, of which there
 * are more by `messages`. Gives whether s3 took in what Bob says next, and what Alice does.
 */
const takenIn = (messages: number): Promise<readonly unknown[]> =>
  play({ servers: 3 }, ({ stage, servers, network }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const alice = stage.user("@alice:s1")
        const bob = stage.user("@bob:s2")
        const roomId = yield* alice.createRoom()
        for (let count = 0; count < messages; count++) yield* alice.say(roomId, `message ${count}`)
        yield* alice.invite(roomId, "@bob:s2")
        yield* bob.join(roomId, "s1")
        yield* stage.quiet
        const slow = { latency: { kind: "fixed", ms: 1_000 } } as const
        yield* network.adjust({ source: "s2", destination: "s1" }, slow)
        yield* stage.user("@carol:s3").join(roomId, "s2")
        yield* alice.say(roomId, "can you hear me?")
        yield* stage.wait(100)
        const { dag } = servers.get("s3")!.rooms.find(roomId)!
        const byBob = yield* bob.say(roomId, "I can")
        yield* stage.wait(500)
        const byBobOutcome = dag.timeline(byBob.eventId)?.verdict
        yield* stage.quiet
        const byAlice = yield* alice.say(roomId, "so I hear")
        yield* stage.quiet
        return [byBobOutcome, dag.timeline(byAlice.eventId)?.verdict]
      }),
    ),
  )

it.each([0, 1, 2, 3, 4, 5, 6, 20])(
  "a message beside its own join is taken in with all that builds on it, after %i others",
  async (messages) => expect(await takenIn(messages)).toEqual(["accepted", "accepted"]),
)

/**
 * What Alice says builds on something of Bob's that Carol's server has not heard, and on something of Carol's own, which is
 * no tip there any more. Of both parents her server is told one. Gives whether it took Alice's message in.
 */
const takenInBeside = (seed: number): Promise<unknown> =>
  play({ servers: 3, seed, settings: { missingEventsLimit: 1 } }, ({ stage, servers, network }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const alice = stage.user("@alice:s1")
        const bob = stage.user("@bob:s2")
        const carol = stage.user("@carol:s3")
        const roomId = yield* alice.createRoom()
        yield* bob.join(roomId, "s1")
        yield* carol.join(roomId, "s1")
        yield* stage.quiet
        const slow = { latency: { kind: "fixed", ms: 60_000 } } as const
        yield* network.adjust({ source: "s2", destination: "s3" }, slow)
        yield* bob.say(roomId, "not heard by Carol")
        yield* carol.say(roomId, "heard by all")
        yield* stage.wait(1_000)
        yield* network.adjust({ source: "s3", destination: "s1" }, slow)
        yield* carol.say(roomId, "not heard by Alice")
        const { eventId, prevEvents } = yield* alice.say(roomId, "both of you?")
        expect(prevEvents).toHaveLength(2)
        yield* network.adjust({ source: "s3", destination: "s1" }, { latency: { kind: "fixed", ms: 1 } })
        yield* stage.wait(10_000)
        return servers.get("s3")!.rooms.find(roomId)!.dag.timeline(eventId)?.verdict
      }),
    ),
  )

it.each([1, 2, 3, 4, 5, 6])(
  "a parent that is held does not stand in the way of one that is not (seed %i)",
  async (seed) => expect(await takenInBeside(seed)).toBe("accepted"),
)

/**
 * Carol's server was cut off while Alice and Bob said much, and takes in part of it with the state that it is told; of the
 * state before the rest it is told nothing. Gives whether it came to hold what is behind the part that it took in.
 */
const fetchedBehind = (seed: number): Promise<unknown> =>
  play({ servers: 3, seed, settings: { missingEventsLimit: 1 } }, ({ stage, servers }) =>
    Effect.gen(function* () {
      const alice = stage.user("@alice:s1")
      const bob = stage.user("@bob:s2")
      const roomId = yield* alice.createRoom()
      yield* bob.join(roomId, "s1")
      yield* stage.user("@carol:s3").join(roomId, "s1")
      yield* stage.quiet
      yield* stage.partition(["s1"], ["s2"], ["s3"])
      const said: string[] = []
      for (let count = 0; count < 8; count++)
        said.push((yield* alice.say(roomId, `message ${count}`)).eventId)
      yield* bob.say(roomId, "aside")
      yield* stage.partition(["s1", "s2"], ["s3"])
      yield* stage.quiet
      let asked = 0
      const isLater = () => ++asked > 1
      const { prevEvents } = yield* alice.say(roomId, "after both")
      expect(prevEvents).toHaveLength(2)
      yield* stage.rule("mute", { source: "s2", destination: "s3" }, drop)
      yield* stage.rule("later", { source: "s3", path: /state_ids/, body: isLater }, reply(404, {}))
      yield* stage.heal
      yield* stage.quiet
      return servers.get("s3")!.rooms.find(roomId)!.dag.timeline(said[4]!)?.verdict
    }),
  )

it.each([1, 2, 3, 4, 5, 6])(
  "what is behind a part of the gap is fetched where the rest is not to be had (seed %i)",
  async (seed) => expect(await fetchedBehind(seed)).toBe("accepted"),
)

/** Says three things, of which s3 hears the last alone: it fetches the second with the state there, and lacks the first. */
const leavesGap = Effect.fnUntraced(function* ({ network, stage }: Played, user: Actor, roomId: string) {
  const unheard = Effect.gen(function* () {
    yield* network.rule({ destination: "s3", path: /\/send\// }, reply(200, { pdus: {} }))
    const first = yield* user.say(roomId, "not heard")
    yield* user.say(roomId, "not heard either")
    yield* stage.wait(1_000)
    return first.eventId
  })
  const eventId = yield* Effect.scoped(unheard)
  yield* user.say(roomId, "heard")
  return eventId
})

it("what nobody told for long is asked for anew once another gap is filled", async () => {
  await play({ servers: 3, settings: stateAsker }, (played) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { stage, servers, network } = played
        const alice = stage.user("@alice:s1")
        const bob = stage.user("@bob:s2")
        const roomId = yield* alice.createRoom()
        yield* bob.join(roomId, "s1")
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        // So that what Alice says does not come before what Bob says, and with it.
        yield* network.rule({ source: "s1", destination: "s2" }, drop)
        const has = (eventId: string) => servers.get("s3")!.rooms.find(roomId)!.dag.isInHistory(eventId)
        const byAlice = yield* Effect.scoped(
          network
            .rule(
              { source: "s3", path: /\/backfill\// },
              reply(200, { origin: "s1", origin_server_ts: 1, pdus: [] }),
            )
            .pipe(Effect.andThen(leavesGap(played, alice, roomId)), Effect.tap(stage.wait(40 * 60_000))),
        )
        const asked = played.requests.filter(({ target }) => target.includes("/backfill/"))
        expect(asked.length).toBeGreaterThan(5)
        expect(played.kernel.elapsedMs - asked.at(-1)!.virtualMs).toBeGreaterThan(15 * 60_000)
        expect(has(byAlice)).toBe(false)
        const byBob = yield* leavesGap(played, bob, roomId)
        yield* stage.wait(10_000)
        expect([byBob, byAlice].map(has)).toEqual([true, true])
      }),
    ),
  )
})
