/** One room of many servers that falls apart into three, and is whole again. */
import { Effect } from "effect"
import type { BenchScene, BenchWorld } from "./bench-world.ts"
import { eachSpeaks, gather, residentOf } from "./gather.ts"

const partCount = 3
/** All have their turn within so long, but none sooner after another than a message is on its way. */
const phaseMsMax = 60_000
const everyMsMin = 60
const everyMsMax = 300

/** Between two messages that one part hears. */
const everyMsOf = (servers: number): number =>
  Math.max(everyMsMin, Math.min(everyMsMax, Math.floor(phaseMsMax / servers)))

const tell = Effect.fnUntraced(function* (scene: BenchScene) {
  const { stage } = scene
  const everyMs = everyMsOf(stage.servers.length)
  const roomId = yield* gather(scene)
  yield* eachSpeaks(scene, roomId, "together", { servers: stage.servers, everyMs })
  const parts = Array.from({ length: partCount }, (_, part) =>
    stage.servers.filter((_server, at) => at % partCount === part),
  )
  yield* stage.partition(...parts)
  // By the time that they meet again each has a state of its own.
  for (const [part, [first = ""]] of parts.entries())
    yield* stage.user(residentOf(first)).setState(roomId, "m.room.topic", { topic: `of part ${part + 1}` })
  yield* eachSpeaks(scene, roomId, "apart", {
    servers: stage.servers,
    everyMs: Math.floor(everyMs / partCount),
  })
  yield* stage.heal
  yield* stage.quiet
  yield* eachSpeaks(scene, roomId, "healed", { servers: stage.servers, everyMs })
  yield* stage.quiet
  return roomId
})

/** Each server speaks before, during and after a partition into three. */
export const partitionedRoom = (size: Pick<BenchWorld, "name" | "servers" | "settings">): BenchWorld => ({
  ...size,
  story: tell,
})
