/** The rules on an event's auth_events: 2 in rooms 1–11, 3 in room 12 (rooms §Authorisation rules). */
import type { Event } from "../event.ts"
import type { Readings } from "../readings.ts"
import type { RoomVersion } from "../room-version.ts"
import type { AuthContext, AuthOutcome } from "./auth-context.ts"
import { authEventKeys } from "./auth-events-selection.ts"

/** An event that another one cites, with what was made of it. */
export interface Citation {
  readonly event: Event
  readonly rejected: boolean
}

interface CitationRule {
  readonly says: string
  readonly objects: (event: Event, citations: readonly Citation[], version: RoomVersion) => boolean
  /** Readings that do not have the rule. */
  readonly unlessBy?: (readings: Readings) => boolean
}

/** A rule on citations with its number. */
export interface NumberedCitationRule extends CitationRule {
  readonly number: string
  readonly outcome: AuthOutcome
}

const isUnder = ({ event }: Citation, type: string, stateKey: string | undefined): boolean =>
  event.type === type && event.stateKey === stateKey

const rules: readonly (CitationRule & { readonly unless?: (version: RoomVersion) => boolean })[] = [
  {
    says: "auth_events name one type and state_key twice",
    objects: (_event, citations) =>
      citations.some(
        ({ event: { type, stateKey } }, at) =>
          citations.findIndex((other) => isUnder(other, type, stateKey)) < at,
      ),
  },
  {
    says: "auth_events name an event that is none of its",
    objects: (event, citations, version) => {
      const selected = authEventKeys(event, version)
      return citations.some(
        (citation) => !selected.some(([type, stateKey]) => isUnder(citation, type, stateKey)),
      )
    },
  },
  {
    says: "an auth event was rejected",
    objects: (_event, citations) => citations.some(({ rejected }) => rejected),
  },
  {
    says: "auth_events name no create event",
    objects: (_event, citations) => !citations.some(({ event }) => event.type === "m.room.create"),
    unless: (version) => version.auth.createInAuthEvents === "forbidden",
  },
  {
    says: "an auth event is of another room",
    objects: (event, citations) => citations.some((citation) => citation.event.roomId !== event.roomId),
    unlessBy: ({ foreignAuthEvents }) => foreignAuthEvents === "taken",
  },
]

/** The rules of that version, numbered. */
export const citationRulesOf = (version: RoomVersion): readonly NumberedCitationRule[] => {
  const known = lists.get(version)
  if (known !== undefined) return known
  const family = version.roomIdIsCreateHash ? 3 : 2
  const list = rules
    .filter((rule) => rule.unless?.(version) !== true)
    .map((rule, at) => {
      const number = `${family}.${at + 1}`
      return { ...rule, number, outcome: { allowed: false, rule: number, reason: rule.says } }
    })
  lists.set(version, list)
  return list
}

/** Gives a derived version rules of its own. */
export const setCitationRules = (version: RoomVersion, rules: readonly NumberedCitationRule[]): void =>
  void lists.set(version, rules)

const lists = new WeakMap<RoomVersion, readonly NumberedCitationRule[]>()

/**
 * What speaks against the auth_events of `event`, all of which are given, or undefined. The create event is
 * judged before these rules and cites nothing.
 */
export const objectionToCitations = (
  rulesToTry: readonly NumberedCitationRule[],
  event: Event,
  citations: readonly Citation[],
  { version, readings }: AuthContext,
): AuthOutcome | undefined =>
  event.type === "m.room.create"
    ? undefined
    : rulesToTry.find((rule) => rule.unlessBy?.(readings) !== true && rule.objects(event, citations, version))
        ?.outcome
