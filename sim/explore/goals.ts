/** Named events that a good search reaches now and then: what is never reached was never tested. */
import type { TraceRecord } from "../kernel/trace.ts"
import type { VirtualServer } from "../world/world.ts"
import { endGoals } from "./goals/at-end.ts"
import type { Held, Seen } from "./goals/goal.ts"
import { noteAfter, noteBefore, recordGoals } from "./goals/on-records.ts"
import { resolutionsIn } from "./shapes.ts"

const goals = [...recordGoals, ...endGoals]
const byKind = Map.groupBy(recordGoals, ({ kind }) => kind)

/** All goals. */
export const goalNames: readonly string[] = goals.map(({ name }) => name)

/** What a plan must hold for that goal to be reached. */
export const neededFor = (goal: string): string => goals.find(({ name }) => name === goal)?.needs ?? ""

/** Watches one run. */
export const watchGoals = () => {
  const counts = new Map(goals.map(({ name }) => [name, 0]))
  const reach = (goal: string, count: number): void => void counts.set(goal, counts.get(goal)! + count)
  const seen: Seen = {
    asked: new Map(),
    between: new Map(),
    rooms: new Map(),
    sent: new Set(),
    verdicts: new Map(),
    atWork: new Map(),
    entries: new Map(),
  }
  return {
    onRecord: (record: TraceRecord): void => {
      noteBefore(record, seen)
      for (const { name, is } of byKind.get(record.kind) ?? []) if (is(record, seen)) reach(name, 1)
      noteAfter(record, seen)
    },
    atEnd: (servers: readonly VirtualServer[]): void => {
      const held = heldBy(servers)
      for (const { name, count } of endGoals) reach(name, count(held))
    },
    /** How often each was reached; 0 for those that were not. */
    counts: (): Readonly<Record<string, number>> => Object.fromEntries(counts),
  }
}

const heldBy = (servers: readonly VirtualServer[]): Held => {
  const rooms = servers.flatMap((server) =>
    server.rooms.all().map(({ roomId, dag }) => ({ server, roomId, dag, records: [...dag.records()] })),
  )
  return { servers, rooms, resolutions: rooms.flatMap(({ dag }) => resolutionsIn(dag)) }
}
