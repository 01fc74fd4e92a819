/** For tests: rooms of an origin that nobody has joined yet, the same ones each time. */
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Chance } from "#spec-impl/homeserver/chance.ts"
import type { RoomsWanted } from "../corpus/flows.ts"
import { seededBytes } from "../corpus/origin-identity.ts"
import type { RoomStart } from "../corpus/room-start.ts"
import { makeOrigin } from "../origin/homeserver.ts"

/** The origin's name in these rooms. */
export const originName = "origin.test"
/** Whom requests are for. */
export const targetName = "target.test"

const chance = Layer.succeed(Chance, {
  bytes: (length, ...key) => seededBytes(7, ...key).subarray(0, length),
})

/** Makes the rooms at the beginning of time. */
export const makeTestRooms = (wanted: RoomsWanted, roomVersion: string): Promise<readonly RoomStart[]> => {
  const target = { serverName: targetName, url: "https://127.0.0.1:1", authority: undefined }
  return makeOrigin({ serverName: originName, seed: 1, target, chance }).pipe(
    Effect.flatMap(({ makeRooms, starts }) => Effect.map(makeRooms(wanted, roomVersion), starts)),
    Effect.scoped,
    Effect.provide(TestClock.layer()),
    Effect.runPromise,
  )
}
