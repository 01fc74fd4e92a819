/** What all worlds of the bench begin with, and how their people speak. */
import { Effect } from "effect"
import type { BenchScene } from "./bench-world.ts"

/** The user by whom each server is in the room. */
export const residentOf = (server: string): string => `@resident:${server}`

/** Who is in the room hears of so many at a time, or each would be told of each by a request of its own. */
const toldAtOnce = 20

/**
 * A public room of the first server's, in which all may set the topic; all others join by way of it, one after the other,
 * while what it has to tell waits for some more. Gives its id.
 */
export const gather = Effect.fnUntraced(function* ({ stage, progress }: BenchScene) {
  const [first = "", ...others] = stage.servers
  const powerLevels = { events: { "m.room.topic": 0 } }
  const roomId = yield* stage.user(residentOf(first)).createRoom({ powerLevels })
  for (let joined = 0; joined < others.length; ) {
    const release = yield* stage.fault({ fault: "hold", endpoints: ["send"] })
    for (const server of others.slice(joined, joined + toldAtOnce)) {
      yield* stage.user(residentOf(server)).join(roomId, first)
      joined += 1
    }
    yield* release
    yield* progress("joining", joined, others.length)
  }
  yield* stage.quiet
  return roomId
})

/** Each of those servers says something, so long after the one before. */
export const eachSpeaks = Effect.fnUntraced(function* (
  { stage, progress }: BenchScene,
  roomId: string,
  chapter: string,
  { servers, everyMs }: { readonly servers: readonly string[]; readonly everyMs: number },
) {
  for (const [at, server] of servers.entries()) {
    yield* stage.user(residentOf(server)).say(roomId, `${chapter}, says ${server}`)
    yield* stage.wait(everyMs)
    yield* progress(chapter, at + 1, servers.length)
  }
})
