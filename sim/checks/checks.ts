/** All checkers that every run of a plan is under. */
import { borders } from "./borders.ts"
import type { Check } from "./check.ts"
import { consistentRooms } from "./consistent-rooms.ts"
import { deviceLists } from "./device-lists.ts"
import { durability } from "./durability.ts"
import { onceOnly } from "./once-only.ts"
import { shownEvents } from "./shown-events.ts"

export const checks: readonly Check[] = [
  consistentRooms,
  durability,
  onceOnly,
  deviceLists,
  borders,
  shownEvents,
]
