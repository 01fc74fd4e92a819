/** The rules on m.room.power_levels: 10 in rooms 1–5 and 12, 9 in rooms 6–11. */
import { isUserId } from "../identifiers.ts"
import { isJsonInteger, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts"
import type { AuthVersion, RoomVersion } from "../room-version.ts"
import type { Facts } from "./facts.ts"
import { type Level, privilegedCreators, readLevel, scalarDefaults, scalarLevels } from "./power-levels.ts"
import { allow, type Family, family, reject } from "./rule.ts"

export const powerLevelsRules = (auth: AuthVersion): Family => {
  const maps = auth.notificationsLevels ? ["events", "notifications"] : ["events"]
  const integersOnly = auth.levelForms === "integers"
  return family("m.room.power_levels", ({ event }) => event.type === "m.room.power_levels", [
    integersOnly && reject("a level is not an integer", hasOddScalar),
    integersOnly && reject("events or notifications are not integers by key", hasOddMap(maps)),
    reject("users is not an object of user ids with levels", hasOddUsers),
    auth.privilegedCreators && reject("users names a creator", namesCreator),
    allow("there were no power levels", (facts) => facts.powerLevels === undefined),
    family("levels of the room", () => true, [
      reject("a changed level was above sender's", (facts) => changesIn(facts).scalars.some(wasAbove(facts))),
      reject("a changed level is above sender's", (facts) => changesIn(facts).scalars.some(isAbove(facts))),
    ]),
    family("events changed or removed", () => true, [
      reject("a changed or removed event level was above sender's", (facts) =>
        changesIn(facts).maps.some(wasAbove(facts)),
      ),
    ]),
    family("events added or changed", () => true, [
      reject("an added or changed event level is above sender's", (facts) =>
        changesIn(facts).maps.some(isAbove(facts)),
      ),
    ]),
    family("users changed or removed", () => true, [
      reject("a changed or removed user's level was not below sender's", (facts) =>
        changesIn(facts)
          .users.filter((change) => change.key !== facts.event.sender)
          .some(({ before }) => before !== undefined && before >= facts.senderLevel),
      ),
    ]),
    family("users added or changed", () => true, [
      reject("an added or changed user's level is above sender's", (facts) =>
        changesIn(facts).users.some(isAbove(facts)),
      ),
    ]),
    allow("sender may change these levels"),
  ])
}

/** A level that differs; undefined where it is absent. */
interface Change {
  readonly key: string
  readonly before: Level | undefined
  readonly after: Level | undefined
}

const wasAbove =
  (facts: Facts) =>
  ({ before }: Change): boolean =>
    before !== undefined && before > facts.senderLevel

const isAbove =
  (facts: Facts) =>
  ({ after }: Change): boolean =>
    after !== undefined && after > facts.senderLevel

/** All that an event alters, worked out once for the rules that ask. */
interface Changes {
  readonly scalars: readonly Change[]
  /** Of `events`, and from room 6 on of `notifications`. */
  readonly maps: readonly Change[]
  readonly users: readonly Change[]
}

const changesIn = (facts: Facts): Changes => {
  const known = knownChanges.get(facts)
  if (known !== undefined) return known
  const maps = facts.context.version.auth.notificationsLevels ? ["events", "notifications"] : ["events"]
  const changes = {
    scalars: scalarChanges(facts),
    maps: mapChanges(facts, maps),
    users: mapChanges(facts, ["users"]),
  }
  knownChanges.set(facts, changes)
  return changes
}

const knownChanges = new WeakMap<Facts, Changes>()

/**
 * The altered levels of the room. What an absent one counts as is a matter of reading (`pl-default`): nothing
 * at all, as in Synapse, or its default, as in ruma.
 */
const scalarChanges = (facts: Facts): readonly Change[] => {
  const { version, readings } = facts.context
  const before = facts.powerLevels?.content ?? {}
  const after = facts.event.content
  const altered = scalarLevels
    .map((key) => ({ key, before: readLevel(before[key], version), after: readLevel(after[key], version) }))
    .filter(isAlteration)
  return readings.powerLevelDefaults === "present-only"
    ? altered
    : altered.map((change) => ({
        key: change.key,
        before: change.before ?? scalarDefaults[change.key],
        after: change.after ?? scalarDefaults[change.key],
      }))
}

/** The altered entries of maps of levels: most entries of most events are as they were. */
const mapChanges = (facts: Facts, names: readonly string[]): readonly Change[] => {
  const { version } = facts.context
  const changes: Change[] = []
  const note = (key: string, before: Level | undefined, after: Level | undefined): void => {
    const change = { key, before, after }
    if (isAlteration(change)) changes.push(change)
  }
  for (const name of names) {
    const before = mapOf(facts.powerLevels?.content[name])
    const after = mapOf(facts.event.content[name])
    for (const key in after) {
      if (before[key] !== after[key])
        note(key, readEntry(before, key, version), readLevel(after[key], version))
    }
    for (const key in before) {
      if (!Object.hasOwn(after, key)) note(key, readLevel(before[key], version), undefined)
    }
  }
  return changes
}

const readEntry = (map: JsonObject, key: string, version: RoomVersion): Level | undefined =>
  Object.hasOwn(map, key) ? readLevel(map[key], version) : undefined

const isAlteration = ({ before, after }: Change): boolean =>
  before === undefined || after === undefined ? before !== after : !(before >= after && before <= after)

const mapOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {})

const hasOddScalar = ({ event }: Facts): boolean =>
  scalarLevels.some((name) => Object.hasOwn(event.content, name) && !isJsonInteger(event.content[name]))

const hasOddMap =
  (names: readonly string[]) =>
  ({ event }: Facts): boolean =>
    names.some((name) => {
      const map = event.content[name]
      return map !== undefined && !(isJsonObject(map) && Object.values(map).every(isJsonInteger))
    })

/** An absent `users` is nobody listed: the property is checked where it is there, as the ones above. */
const hasOddUsers = ({ event, context }: Facts): boolean => {
  const users = event.content.users
  if (users === undefined) return false
  if (!isJsonObject(users)) return true
  for (const userId in users) {
    if (readLevel(users[userId], context.version) === undefined || !isUserId(userId)) return true
  }
  return false
}

const namesCreator = ({ event, create, context }: Facts): boolean => {
  const { users } = event.content
  if (!isJsonObject(users)) return false
  const creators = privilegedCreators(create, context.version)
  return Object.keys(users).some((userId) => creators.has(userId))
}
