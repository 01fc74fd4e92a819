/** A server that signs what the rules forbid. */
import { Effect, Schema } from "effect"
import { drawMs, drawServer } from "../draws.ts"
import { defineFault, type FaultWorld, faultKey, serverNamed } from "../fault.ts"
import { Milliseconds, Names, optional, wanted, withDefault } from "../fields.ts"
import { forbiddenActs } from "./acts.ts"
import type { ReadyAct } from "./send.ts"
import { perform, ready, sceneOf } from "./send.ts"

interface Hostile {
  readonly fault: string
  readonly id?: string
  readonly server: string
  readonly acts?: readonly string[]
  readonly rooms?: readonly string[]
  readonly towards?: readonly string[]
  readonly buildsOn: boolean
}

/** One act in each of those rooms, drawn among those that break something there now. */
const actOnce = Effect.fnUntraced(function* (world: FaultWorld, fault: Hostile, nth: number) {
  const { rooms, isDown } = serverNamed(world, fault.server)
  if (isDown() || world.kernel.isPaused(fault.server)) return
  const roomIds =
    fault.rooms?.flatMap((name) => (world.roomIdOf === undefined ? name : (world.roomIdOf(name) ?? []))) ??
    rooms.all().map(({ roomId }) => roomId)
  for (const roomId of roomIds) {
    const scene = sceneOf(world, fault.server, roomId)
    if (scene === undefined) continue
    const candidates: ReadyAct[] = []
    for (const act of forbiddenActs) {
      if (fault.acts !== undefined && !fault.acts.includes(act.name)) continue
      const candidate = yield* ready(world, scene, act)
      if (candidate !== undefined) candidates.push(candidate)
    }
    if (candidates.length === 0) continue
    const drawn = world.kernel.chance.pick(candidates, ...faultKey(fault), roomId, nth)
    const to = fault.towards ?? scene.audience
    yield* perform(world, scene, drawn, { to, isBuiltOn: fault.buildsOn })
  }
})

export const hostileEvent = defineFault({
  name: "hostile-event",
  family: "hostile",
  standsFor:
    "a server that signs what the rules forbid, and sends it to all: each authorisation rule can be broken, and so can " +
    "hashes, signatures, and the choice of auth events. It keeps none of it itself. " +
    `Acts: ${forbiddenActs.map(({ name }) => `\`${name}\``).join(", ")}`,
  fields: {
    server: wanted(Schema.String, "the hostile server"),
    acts: optional(
      Schema.Array(Schema.Literals(forbiddenActs.map(({ name }) => name))).check(Schema.isMinLength(1)),
      "all that would be forbidden in the room then",
      "what it does, one of these each time",
    ),
    rooms: optional(Names, "all rooms that the server is in", "the rooms in which it does so"),
    towards: optional(Names, "all in the room", "the servers that it sends it to"),
    times: withDefault(Schema.Int.check(Schema.isGreaterThan(0)), 1, "how often"),
    everyMs: withDefault(Milliseconds, 10_000, "how long it waits in between"),
    buildsOn: withDefault(
      Schema.Boolean,
      false,
      "whether a message follows each time that has the forbidden event for its only parent",
    ),
  },
  draw: (draws, servers) => ({
    fault: "hostile-event",
    server: drawServer(draws, servers),
    times: 1 + draws.integer(10, "times"),
    everyMs: drawMs(draws, 1_000, 60_000),
    buildsOn: draws.chance(0.4, "builds-on"),
  }),
  apply: (world, fault) =>
    Effect.gen(function* () {
      for (let nth = 1; nth <= fault.times; nth++) {
        yield* actOnce(world, fault, nth)
        yield* Effect.sleep(fault.everyMs)
      }
    }).pipe(world.kernel.within(fault.server), Effect.forkScoped({ startImmediately: true }), Effect.asVoid),
})
