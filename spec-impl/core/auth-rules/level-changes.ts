/** What an m.room.power_levels event alters, as the last rules on such events want to know. */
import type { Event } from "../event.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts"
import type { RoomVersion } from "../room-version.ts"
import type { Facts } from "./facts.ts"
import { type Level, readLevel, type ScalarLevel, scalarLevels } from "./power-levels.ts"

/** A level that differs. Undefined where it is absent; one that cannot be read is absent before, NaN after. */
export interface Change<Key extends string = string> {
  readonly key: Key
  readonly before: Level | undefined
  readonly after: Level | undefined
}

/** All that an event alters. */
export interface LevelChanges {
  /** `ban`, `users_default` and the like. */
  readonly scalars: readonly Change<ScalarLevel>[]
  /** Of `events`, and from room 6 on of `notifications`. */
  readonly maps: readonly Change[]
  readonly users: readonly Change[]
}

/**
 * What the event alters in the state's power levels. Kept beside the event for the levels that were asked about
 * last: an event is judged on receipt, against the state, against the present, and in each resolution, mostly
 * with the same ones.
 */
export const changesOf = ({ event, powerLevels, context: { version } }: Facts): LevelChanges => {
  const known = kept.get(event)
  if (known !== undefined && known.from === powerLevels && known.version === version) return known
  const before = powerLevels?.content ?? nothing
  const after = event.content
  const maps: Change[] = []
  noteChanges(maps, before.events, after.events, version)
  if (version.auth.notificationsLevels) {
    noteChanges(maps, before.notifications, after.notifications, version)
  }
  const users: Change[] = []
  noteChanges(users, before.users, after.users, version)
  const changes = { from: powerLevels, version, scalars: scalarChanges(before, after, version), maps, users }
  kept.set(event, changes)
  return changes
}

interface Kept extends LevelChanges {
  readonly from: Event | undefined
  readonly version: RoomVersion
}

const kept = new WeakMap<Event, Kept>()
const nothing: JsonObject = Object.create(null)

const scalarChanges = (
  before: JsonObject,
  after: JsonObject,
  version: RoomVersion,
): readonly Change<ScalarLevel>[] => {
  const changes: Change<ScalarLevel>[] = []
  for (const key of scalarLevels) {
    if (before[key] === after[key]) continue
    noteChange(changes, key, readLevel(before[key], version), newLevel(after[key], version))
  }
  return changes
}

/** Most entries of most events are as they were: what is the same as it stands need not be read. */
const noteChanges = (
  changes: Change[],
  mapBefore: JsonValue | undefined,
  mapAfter: JsonValue | undefined,
  version: RoomVersion,
): void => {
  const before = isJsonObject(mapBefore) ? mapBefore : nothing
  const after = isJsonObject(mapAfter) ? mapAfter : nothing
  for (const key in after) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined
    if (old === after[key]) continue
    noteChange(changes, key, readLevel(old, version), newLevel(after[key], version))
  }
  for (const key in before) {
    if (!Object.hasOwn(after, key)) noteChange(changes, key, readLevel(before[key], version), undefined)
  }
}

/**
 * Rooms 1–9 have no rule on what else than a number or its text stands for a level, but nobody admits such an
 * event: Synapse and ruma fail to read it. So it is no level that a sender reaches.
 */
const newLevel = (value: JsonValue | undefined, version: RoomVersion): Level | undefined =>
  value === undefined ? undefined : (readLevel(value, version) ?? Number.NaN)

const noteChange = <Key extends string>(
  changes: Change<Key>[],
  key: Key,
  before: Level | undefined,
  after: Level | undefined,
): void => {
  if (differ(before, after)) changes.push({ key, before, after })
}

/** A number and a bigint of the same value are the same level. */
const differ = (before: Level | undefined, after: Level | undefined): boolean =>
  before === undefined || after === undefined ? before !== after : !(before >= after && before <= after)
