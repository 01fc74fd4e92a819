/** The rules on m.room.power_levels: 10 in rooms 1–5 and 12, 9 in rooms 6–11. */

import { isJsonObject } from "../json/value.ts"
import type { AuthVersion } from "../room-version.ts"
import type { Facts } from "./facts.ts"
import { changesOf } from "./level-changes.ts"
import { formOf } from "./level-forms.ts"
import { type Level, privilegedCreators, type ScalarLevel, scalarDefaults } from "./power-levels.ts"
import { allow, type Family, family, reject } from "./rule.ts"

export const powerLevelsRules = (auth: AuthVersion): Family =>
  family("m.room.power_levels", ({ event }) => event.type === "m.room.power_levels", [
    ...(auth.levelForms === "integers" ? integerRules : []),
    reject("users is not an object of user ids with levels", (facts) => {
      const { hasOddUsers, hasOddUserIds } = formOf(facts)
      return hasOddUsers || (hasOddUserIds && facts.context.readings.powerLevelUserIds === "checked")
    }),
    auth.privilegedCreators && reject("users names a creator", namesCreator),
    allow("there were no power levels", (facts) => facts.powerLevels === undefined),
    family("levels of the room", () => true, [
      reject("a changed level was above sender's", (facts) => {
        return changesOf(facts).scalars.some(({ key, before }) =>
          isAbove(scalarOr(before, key, facts), facts),
        )
      }),
      reject("a changed level is above sender's", (facts) => {
        return changesOf(facts).scalars.some(({ key, after }) => isAbove(scalarOr(after, key, facts), facts))
      }),
    ]),
    family("events changed or removed", () => true, [
      reject("a changed or removed event level was above sender's", (facts) => {
        return changesOf(facts).maps.some(({ before }) => isAbove(before, facts))
      }),
    ]),
    family("events added or changed", () => true, [
      reject("an added or changed event level is above sender's", (facts) => {
        return changesOf(facts).maps.some(({ after }) => isAbove(after, facts))
      }),
    ]),
    family("users changed or removed", () => true, [
      reject("a changed or removed user's level was not below sender's", (facts) => {
        const { sender } = facts.event
        return changesOf(facts).users.some(({ key, before }) => key !== sender && !isBelow(before, facts))
      }),
    ]),
    family("users added or changed", () => true, [
      reject("an added or changed user's level is above sender's", (facts) => {
        return changesOf(facts).users.some(({ after }) => isAbove(after, facts))
      }),
    ]),
    allow("sender may change these levels"),
  ])

/** Rooms 10+: rules 9.1 and 9.2, in room 12 10.1 and 10.2. */
const integerRules = [
  reject("a level is not an integer", (facts: Facts) => formOf(facts).hasOddScalar),
  reject("events or notifications are not integers by key", (facts: Facts) => formOf(facts).hasOddMap),
]

/** Whether a level is there and not within the sender's; one that cannot be read is within nobody's. */
const isAbove = (level: Level | undefined, { senderLevel }: Facts): boolean =>
  level !== undefined && !(level <= senderLevel)

const isBelow = (level: Level | undefined, { senderLevel }: Facts): boolean =>
  level === undefined || level < senderLevel

/**
 * What an absent level counts as is a matter of reading (`pl-default`): nothing at all, as in Synapse, or its
 * default, as in ruma.
 */
const scalarOr = (level: Level | undefined, key: ScalarLevel, { context }: Facts): Level | undefined =>
  level ?? (context.readings.powerLevelDefaults === "fill-in" ? scalarDefaults[key] : undefined)

const namesCreator = ({ event, create, context }: Facts): boolean => {
  const { users } = event.content
  if (!isJsonObject(users)) return false
  for (const creator of privilegedCreators(create, context.version)) {
    if (Object.hasOwn(users, creator)) return true
  }
  return false
}
