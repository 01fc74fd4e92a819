import { Effect } from "effect"
import { Settings } from "../homeserver/settings.ts"
import { unrecognised } from "./matrix-error.ts"

/** An endpoint that is gone from the specification answers as if it were unknown where it is switched off. */
export const ifLegacy = Effect.fnUntraced(function* <A, E, R>(answer: Effect.Effect<A, E, R>) {
  const { legacyEndpoints } = yield* Settings
  return legacyEndpoints ? yield* answer : yield* unrecognised("no such endpoint")
})
