/** A day in the life of a room: few servers, many words, and much that goes wrong. */
import { Effect } from "effect"
import type { Fault } from "../faults/catalogue.ts"
import type { BenchScene, BenchWorld } from "./bench-world.ts"
import { gather, residentOf } from "./gather.ts"

/** The size of a day. */
export interface DaySize {
  readonly name: string
  readonly servers: number
  readonly events: number
  /** Besides the resident. */
  readonly usersPerServer: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** What goes wrong, and from which hour to which. */
const faultsOf = (
  servers: readonly string[],
): readonly (readonly [from: number, to: number, fault: Fault])[] => {
  const half = Math.ceil(servers.length / 2)
  const nth = (at: number): string => servers[at % servers.length]!
  const slow = { kind: "exponential", msMin: 20, tailMsMean: 80, msMax: 10_000 } as const
  return [
    [0, 24, { fault: "latency", distribution: slow }],
    [1, 23, { fault: "loss", share: 0.01 }],
    [1, 23, { fault: "reply-loss", share: 0.01 }],
    [1, 23, { fault: "duplication", share: 0.02 }],
    [1, 23, { fault: "reordering", share: 0.05 }],
    [2, 4, { fault: "clock-skew", servers: [nth(1)], aheadMs: 120_000 }],
    [4, 5, { fault: "restart", server: nth(2), downMs: 60_000 }],
    [8, 14, { fault: "partition", groups: [servers.slice(0, half), servers.slice(half)] }],
    [10, 11, { fault: "restart", server: nth(3), downMs: 300_000 }],
    [16, 17, { fault: "http-error", share: 0.05, status: 502 }],
    [18, 19, { fault: "pause", server: nth(4), forMs: 60_000 }],
    [20, 21, { fault: "key-rotation", server: nth(5) }],
  ]
}

const disturb = Effect.fnUntraced(function* (
  { stage, kernel }: BenchScene,
  beganMs: number,
  [from, to, fault]: ReturnType<typeof faultsOf>[number],
) {
  const until = (hour: number) => Effect.suspend(() => stage.wait(beganMs + hour * hourMs - kernel.elapsedMs))
  yield* until(from)
  const undo = yield* stage.fault({ ...fault, id: fault.fault })
  yield* until(to)
  yield* undo
})

/** What the nth act of the day is: mostly somebody says something. Gives whether it was done. */
const act = (scene: BenchScene, { usersPerServer }: DaySize, roomId: string, nth: number) => {
  const { stage, kernel, servers } = scene
  const up = stage.servers.filter((server) => servers.get(server)?.isDown() === false)
  const server = kernel.chance.pick(up, "bench", "server", nth)
  const user = stage.user(`@user${kernel.chance.integer(usersPerServer, "bench", "user", nth)}:${server}`)
  const done = kernel.chance.chance(0.02, "bench", "topic", nth)
    ? user.setState(roomId, "m.room.topic", { topic: `topic ${nth}` })
    : user.say(roomId, `this is message ${nth} of the day, and it says about as much as people say`)
  return done.pipe(kernel.within(server))
}

const tell = (size: DaySize) =>
  Effect.fnUntraced(function* (scene: BenchScene) {
    const { stage, kernel, progress } = scene
    const { events, usersPerServer } = size
    const roomId = yield* gather(scene)
    for (const server of stage.servers) {
      for (let user = 0; user < usersPerServer; user++)
        yield* stage.user(`@user${user}:${server}`).join(roomId)
    }
    yield* stage.quiet
    const beganMs = kernel.elapsedMs
    for (const fault of faultsOf(stage.servers)) yield* Effect.forkDetach(disturb(scene, beganMs, fault))
    let done = 0
    const count = Effect.sync(() => {
      done += 1
    })
    for (let nth = 0; nth < events; nth++) {
      yield* stage.wait(beganMs + Math.floor((nth * dayMs) / events) - kernel.elapsedMs)
      // A server that stands still, or crashes meanwhile, keeps nobody else from acting.
      const acting = Effect.andThen(Effect.orDie(act(scene, size, roomId, nth)), count)
      yield* Effect.forkDetach(acting, { startImmediately: true })
      yield* progress("the day", nth + 1, events)
    }
    yield* stage.wait(beganMs + dayMs - kernel.elapsedMs)
    yield* stage.heal
    yield* stage.quiet
    // What a crash took is said again.
    for (let nth = events; done < events; nth++) yield* Effect.andThen(act(scene, size, roomId, nth), count)
    for (const server of stage.servers) yield* stage.user(residentOf(server)).say(roomId, "good night")
    yield* stage.quiet
    return roomId
  })

/** With a netsplit of six hours and faults of many kinds; the events are those of its users, beside joins. */
export const day = (size: DaySize): BenchWorld => ({
  name: size.name,
  servers: size.servers,
  story: tell(size),
})
