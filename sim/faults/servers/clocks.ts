/** Clocks that are wrong. What is undone is put right at once, as by a step of NTP: time may go backwards then. */
import { Effect, Schema } from "effect"
import type { ClockError } from "../../kernel/virtual-clock.ts"
import { drawMs, drawSome } from "../draws.ts"
import { type Draws, defineFault, type FaultWorld, faultKey, serverNamed } from "../fault.ts"
import { Milliseconds, Names, wanted, withDefault } from "../fields.ts"

const serversField = wanted(Names, "the servers whose clocks are wrong")
const tenYearsMs = 10 * 366 * 86_400_000
const Offset = Schema.Int.check(Schema.isBetween({ minimum: -tenYearsMs, maximum: tenYearsMs }))

/** Drawn skews stay below this: what was signed further ahead nobody can verify before its time (rooms 5+, key validity). */
const drawnMsMax = 12 * 3_600_000

const drawOffset = (draws: Draws): number =>
  drawMs(draws, 10, drawnMsMax) * (draws.chance(0.5, "sign") ? 1 : -1)

/** Has the clocks of those servers be wrong like that, for as long as the scope lives. */
const disturb = (world: FaultWorld, servers: readonly string[], errorOf: (server: string) => ClockError) =>
  Effect.forEach(
    servers,
    (server) =>
      Effect.acquireRelease(
        Effect.sync(() => world.kernel.disturbClock(serverNamed(world, server).name, errorOf(server))),
        (restore) => Effect.sync(restore),
      ),
    { discard: true },
  )

export const clockSkew = defineFault({
  name: "clock-skew",
  family: "servers",
  standsFor:
    "a clock that was set wrong: minutes ahead, hours behind, in another time zone. What a server signs more than a day " +
    "ahead others can verify only when its keys are valid that long",
  fields: {
    servers: serversField,
    aheadMs: withDefault(Offset, 300_000, "by how much they are ahead; behind where it is negative"),
  },
  draw: (draws, servers) => ({
    fault: "clock-skew",
    servers: drawSome(draws, servers),
    aheadMs: drawOffset(draws),
  }),
  apply: (world, { servers, aheadMs }) =>
    disturb(world, servers, () => ({ offsetMs: () => aheadMs, rate: 1 })),
})

export const clockDrift = defineFault({
  name: "clock-drift",
  family: "servers",
  standsFor:
    "a clock that runs too fast or too slow, and is never set right: all that waits by it does so as well",
  fields: {
    servers: serversField,
    partsPerMillion: withDefault(
      Schema.Int.check(Schema.isBetween({ minimum: -900_000, maximum: 9_000_000 })),
      1_000,
      "how much faster it runs; slower where it is negative",
    ),
  },
  draw: (draws, servers) => ({
    fault: "clock-drift",
    servers: drawSome(draws, servers),
    partsPerMillion: drawMs(draws, 10, 200_000) * (draws.chance(0.5, "sign") ? 1 : -1),
  }),
  apply: (world, { servers, partsPerMillion }) => {
    const beganMs = world.kernel.nowMs
    const share = partsPerMillion / 1_000_000
    const error = { offsetMs: (virtualMs: number) => (virtualMs - beganMs) * share, rate: 1 + share }
    return disturb(world, servers, () => error)
  },
})

export const clockJump = defineFault({
  name: "clock-jump",
  family: "servers",
  standsFor:
    "a clock that jumps to and fro: two sources of time that disagree, a machine that is migrated back and forth",
  fields: {
    servers: serversField,
    everyMs: withDefault(
      Milliseconds.check(Schema.isGreaterThan(0)),
      60_000,
      "how long it stays where it has jumped to",
    ),
    byMsMax: withDefault(Milliseconds, 30_000, "how far from the right time it jumps at most, either way"),
  },
  draw: (draws, servers) => ({
    fault: "clock-jump",
    servers: drawSome(draws, servers),
    everyMs: drawMs(draws, 1_000, 600_000, "every"),
    byMsMax: drawMs(draws, 100, drawnMsMax / 2, "by"),
  }),
  apply: (world, fault) => {
    const { servers, everyMs, byMsMax } = fault
    const { kernel } = world
    const beganMs = kernel.nowMs
    return disturb(world, servers, (server) => ({
      rate: 1,
      offsetMs: (virtualMs) => {
        const nth = Math.floor((virtualMs - beganMs) / everyMs)
        return kernel.chance.integer(2 * byMsMax + 1, ...faultKey(fault), server, nth) - byMsMax
      },
    }))
  },
})
