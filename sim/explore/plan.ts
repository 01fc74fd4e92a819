/**
 * A run as data: who is there, who does what, what goes wrong and when. A seed makes one (`make-plan.ts`), a file may
 * hold one, to be read, edited, replayed and shrunk. Entries have ids by which all that is drawn for them is keyed: one
 * entry less changes no other (DESIGN.md, principle 4).
 */
import { Data, Effect, Result, Schema } from "effect"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { Fault } from "../faults/catalogue.ts"
import { mutantNamed, unknownMutant } from "../mutants/catalogue.ts"
import { Action } from "./actions/catalogue.ts"

const { String: Text } = Schema
const Milliseconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 * 366 * 86_400_000 }))
const Share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

/** What is otherwise on one server; fields are those of its settings. */
const ServerSettings = Schema.Struct({
  missingEventsLimit: Schema.optionalKey(Count),
  /** One of its readings (`spec-impl/core/readings.ts`). */
  unfillableGap: Schema.optionalKey(Schema.Literals(["drop", "accept"])),
  partialStateJoins: Schema.optionalKey(Schema.Boolean),
  fullStateShareMin: Schema.optionalKey(Share),
  retryMsMax: Schema.optionalKey(Milliseconds),
})

const PlannedServer = Schema.Struct({
  name: Text,
  /** Those that it knows; all where it says nothing. */
  roomVersions: Schema.optionalKey(Schema.Array(Text)),
  settings: Schema.optionalKey(ServerSettings),
  /** What is wrong with it: a mutant of the catalogue (docs/mutants.md). */
  mutant: Schema.optionalKey(Text),
})

const entryFields = { id: Text, atMs: Milliseconds }

const ActionEntry = Schema.Struct({ ...entryFields, do: Action })
const FaultEntry = Schema.Struct({
  ...entryFields,
  fault: Fault,
  /** Until the core is healed where it says nothing. */
  forMs: Schema.optionalKey(Milliseconds),
})

/** What a seed has drawn the rest from: for people, and nothing is read from it when the plan is run. */
const Options = Schema.Struct({
  roomVersions: Schema.Array(Text),
  actions: Schema.Record(Text, Schema.Number),
  faults: Schema.Array(Text),
  burstMax: Count,
  /** The part of the users who have power from the start. */
  levelsShare: Schema.optionalKey(Share),
  /** The part of the actions in a room that are by who made it, beside those that fall to them anyway. */
  creatorShare: Schema.optionalKey(Share),
  /** The part of the actions that fall into moments, in which several users are at one thing. */
  momentShare: Schema.optionalKey(Share),
  /** The part of the users who go for good in the course of the story. */
  turnoverShare: Schema.optionalKey(Share),
  /** The part of the story before anything goes wrong. */
  calmShare: Schema.optionalKey(Share),
  /** The part of the actions that take no heed of whether they are possible. */
  heedlessShare: Schema.optionalKey(Share),
  /** How many of the servers fill a gap in the history by asking for the state in it at once. */
  stateAskersShare: Schema.optionalKey(Share),
})

export const Plan = Schema.Struct({
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  options: Schema.optionalKey(Options),
  servers: Schema.Array(PlannedServer).check(Schema.isMinLength(1)),
  users: Schema.Array(Text),
  /** The servers that are healed first, and must converge while the others stay broken. */
  core: Schema.Array(Text),
  /** When the core is healed. */
  faultsMs: Milliseconds,
  entries: Schema.Array(Schema.Union([ActionEntry, FaultEntry])),
})

export type Plan = typeof Plan.Encoded
export type PlanEntry = Plan["entries"][number]
export type ActionEntry = Extract<PlanEntry, { readonly do: unknown }>
export type FaultEntry = Extract<PlanEntry, { readonly fault: unknown }>

export const isAction = (entry: PlanEntry): entry is ActionEntry => "do" in entry
export const isFault = (entry: PlanEntry): entry is FaultEntry => "fault" in entry

/** A plan that cannot be run: one line that says why. */
export class PlanMalformed extends Data.TaggedError("PlanMalformed")<{ readonly message: string }> {}

/** Entries one by one: of a union nobody can tell which of its members was meant. */
const problemOfEntry = (entry: unknown): string | undefined => {
  const schema = typeof entry === "object" && entry !== null && "fault" in entry ? FaultEntry : ActionEntry
  const result = Schema.decodeUnknownResult(schema as Schema.Codec<unknown>)(entry, strictly)
  if (Result.isSuccess(result)) return undefined
  const id = typeof entry === "object" && entry !== null && "id" in entry ? ` ${String(entry.id)}` : ""
  return `entry${id}: ${oneLine(result.failure.message)}`
}

/** Whether that is an entry, whoever it names. */
export const isEntry = (entry: unknown): entry is PlanEntry => problemOfEntry(entry) === undefined

const strictly = { onExcessProperty: "error" } as const
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ")

/** What the schema cannot know: names that mean nobody. */
const problemOfNames = ({ servers, users, core, entries }: Plan): string | undefined => {
  const names = new Set(servers.map(({ name }) => name))
  if (names.size < servers.length) return "two servers have one name"
  const ids = new Set<string>()
  for (const { id } of entries) {
    if (ids.has(id)) return `two entries have the id ${id}`
    ids.add(id)
  }
  const stranger = core.find((name) => !names.has(name))
  if (stranger !== undefined) return `the core holds ${stranger}, and there is no such server`
  const version = servers.flatMap(({ roomVersions = [] }) => roomVersions).find((id) => !roomVersion(id))
  if (version !== undefined) return `there is no room version ${version}`
  const mutant = servers.flatMap(({ mutant = [] }) => mutant).find((name) => !mutantNamed(name))
  if (mutant !== undefined) return unknownMutant(mutant)
  const known = new Set(users)
  for (const user of users) {
    if (!names.has(domainOf(user) ?? "")) return `${user} is a user of no server of the plan`
  }
  for (const entry of entries) {
    if (isAction(entry) && !known.has(entry.do.user))
      return `entry ${entry.id}: there is no user ${entry.do.user}`
    const missing = isFault(entry) ? serversIn(entry.fault).find((name) => !names.has(name)) : undefined
    if (missing !== undefined) return `entry ${entry.id}: there is no server ${missing}`
  }
  return undefined
}

/** The fields of faults that hold names of servers. */
const serverFields: readonly string[] = [
  "server",
  "servers",
  "from",
  "to",
  "towards",
  "groups",
  "between",
  "of",
  "bridges",
]

/** The servers that a fault names. */
export const serversIn = (fault: Fault): readonly string[] =>
  Object.entries(fault).flatMap(([field, value]) =>
    serverFields.includes(field) ? [value].flat(3).filter((name) => typeof name === "string") : [],
  )

/** Reads a plan; what it says that no plan says is an error, told in one line. */
export const readPlan = (json: unknown): Effect.Effect<Plan, PlanMalformed> => {
  const entries =
    typeof json === "object" && json !== null && "entries" in json && Array.isArray(json.entries)
      ? json.entries
      : []
  for (const entry of entries) {
    const message = problemOfEntry(entry)
    if (message !== undefined) return new PlanMalformed({ message })
  }
  const result = Schema.decodeUnknownResult(Plan as Schema.Codec<unknown>)(json, strictly)
  if (Result.isFailure(result)) return new PlanMalformed({ message: oneLine(result.failure.message) })
  const plan = json as Plan
  const message = problemOfNames(plan)
  return message === undefined ? Effect.succeed(plan) : new PlanMalformed({ message })
}
