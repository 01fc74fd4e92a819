/** For tests: for each rule on auth_events a set that it rejects, and the nearest that none does. */
import type { Event } from "../../event.ts"
import type { RoomVersion } from "../../room-version.ts"
import type { Citation } from "../citation-rules.ts"
import { numbersOf } from "./numbers.ts"
import { alice, bob, carol, eventIn, testRoom } from "./room.ts"

export interface CitationCase {
  readonly event: Event
  readonly citations: readonly Citation[]
  /** Undefined: nothing is to be said against them. */
  readonly rule: string | undefined
}

export const citationCasesOf = (version: RoomVersion): readonly CitationCase[] => {
  const { state } = testRoom(version)
  const n = numbersOf(version).citations
  const held = (key: string, changes: Partial<Event> = {}): Citation => ({
    event: { ...state.get(key)!, ...changes },
    rejected: false,
  })
  const create = held("m.room.create|")
  const levels = held("m.room.power_levels|")
  const member = held(`m.room.member|${bob}`)
  const implied = version.auth.createInAuthEvents === "forbidden"
  const good = implied ? [levels, member] : [create, levels, member]
  const message = eventIn(version, "m.room.message", bob, {})
  const rejectedMember = { ...member, rejected: true }
  const elsewhere = held("m.room.power_levels|", { roomId: "!other:one" })
  const case_ = (
    rule: string | undefined,
    citations: readonly Citation[],
    event = message,
  ): CitationCase => ({
    event,
    citations,
    rule,
  })
  const others = good.filter((citation) => citation !== levels)
  return [
    case_(undefined, good),
    case_(undefined, others),
    case_(undefined, [], eventIn(version, "m.room.create", alice, {}, { stateKey: "" })),
    case_(`${n}.1`, [...good, held(`m.room.member|${bob}`, { eventId: "$other" })]),
    case_(`${n}.2`, [...good, held(`m.room.member|${carol}`)]),
    case_(`${n}.2`, [...good, held("m.room.join_rules|")]),
    ...(implied ? [case_(`${n}.2`, [create, ...good])] : [case_(`${n}.4`, [levels, member])]),
    case_(`${n}.3`, [...good.filter((citation) => citation !== member), rejectedMember]),
    case_(implied ? `${n}.4` : `${n}.5`, [...others, elsewhere]),
  ]
}
