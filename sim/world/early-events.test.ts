/** What a server does about an event that comes before its parents (server-server API §Backfilling and retrieving missing events). */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { play } from "./testing/play.ts"

/** Bob of s2 answers what Alice of s1 says, and s3 is closer to him: how often s3 asks for what it lacks. */
const askedWhere = (parentsWaitMs: number, slowMs: number): Promise<number> =>
  play({ servers: 3, settings: { parentsWaitMs } }, ({ stage, servers, network, requests }) =>
    Effect.scoped(
      Effect.gen(function* () {
        const alice = stage.user("@alice:s1")
        const roomId = yield* alice.createRoom()
        yield* stage.user("@bob:s2").join(roomId, "s1")
        yield* stage.user("@carol:s3").join(roomId, "s1")
        yield* stage.quiet
        yield* network.adjust({}, { latency: { kind: "fixed", ms: 1 } })
        yield* network.adjust({ source: "s1", destination: "s3" }, { latency: { kind: "fixed", ms: slowMs } })
        const before = requests.length
        const said = yield* alice.say(roomId, "shall we?")
        yield* stage.wait(20)
        const answer = yield* stage.user("@bob:s2").say(roomId, "let us")
        expect(answer.prevEvents).toEqual([said.eventId])
        yield* stage.quiet
        const { dag } = servers.get("s3")!.rooms.find(roomId)!
        expect(dag.forwardExtremities()).toEqual([answer.eventId])
        expect(dag.timeline(said.eventId)?.verdict).toBe("accepted")
        return requests.slice(before).filter(({ target }) => target.includes("get_missing_events")).length
      }),
    ),
  )

it.each([
  { parentsWaitMs: 0, slowMs: 60, asked: 1 },
  { parentsWaitMs: 100, slowMs: 60, asked: 0 },
  { parentsWaitMs: 100, slowMs: 500, asked: 1 },
])(
  "whoever waits $parentsWaitMs ms for a parent that takes $slowMs ms asks for it $asked times",
  async ({ parentsWaitMs, slowMs, asked }) => {
    expect(await askedWhere(parentsWaitMs, slowMs)).toBe(asked)
  },
)
