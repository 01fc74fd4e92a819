/** What a goal is: a named event that a good search reaches now and then, for what is never reached was never tested. */
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import type { TraceRecord } from "../../kernel/trace.ts"
import type { VirtualServer } from "../../world/world.ts"
import type { Resolution } from "../shapes.ts"

interface Named {
  readonly name: string
  /** What a plan must hold for it to be reached: told where it was not. */
  readonly needs: string
}

/** A goal of one thing that happens. */
export interface RecordGoal extends Named {
  /** Of which kind of record. */
  readonly kind: string
  readonly is: (record: TraceRecord, seen: Seen) => boolean
}

/** A goal of what servers hold in the end. */
export interface EndGoal extends Named {
  readonly count: (held: Held) => number
}

/** What goals remember of a run. */
export interface Seen {
  /** By request: its endpoint. */
  readonly asked: Map<string, string>
  /** By request: who asks whom. */
  readonly between: Map<string, readonly [source: string, destination: string]>
  /** By request: the room that it is about. */
  readonly rooms: Map<string, string>
  /** What was sent before. */
  readonly sent: Set<string>
  /** By server and event: its place and verdict. */
  readonly verdicts: Map<string, readonly [place: string, verdict: string]>
  /** Requests whose handlers are at work, by destination. */
  readonly atWork: Map<string, Set<string>>
  /** By server and room: how often it was let in. */
  readonly entries: Map<string, number>
}

/** A room as one server holds it. */
export interface HeldRoom {
  readonly server: VirtualServer
  readonly roomId: string
  readonly dag: RoomDag
  /** All events, in the order in which they came. */
  readonly records: readonly HeldRecord[]
}

export type HeldRecord = ReturnType<RoomDag["records"]> extends IterableIterator<infer R> ? R : never

/** What all servers hold. */
export interface Held {
  readonly servers: readonly VirtualServer[]
  readonly rooms: readonly HeldRoom[]
  readonly resolutions: readonly Resolution[]
}

/** What a field of a record says. */
export const at = (record: TraceRecord, index: number): string => String(record.fields[index] ?? "")
