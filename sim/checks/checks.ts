/** All checkers that every run of a plan is under. */
import type { Check } from "./check.ts"
import { consistentRooms } from "./consistent-rooms.ts"
import { durability } from "./durability.ts"

export const checks: readonly Check[] = [consistentRooms, durability]
