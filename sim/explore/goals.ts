/** Named events that a good search reaches now and then: what is never reached was never tested. */
import type { TraceRecord } from "../kernel/trace.ts"
import type { VirtualServer } from "../world/world.ts"
import { resolutionsIn } from "./shapes.ts"

export class GoalCounts {
  readonly #counts = new Map<string, number>()

  reach(goal: string): void {
    this.#counts.set(goal, (this.#counts.get(goal) ?? 0) + 1)
  }

  /** By goal, those that were not reached too. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(goalNames.map((name) => [name, this.#counts.get(name) ?? 0]))
  }
}

/** What a field of a record says. */
const at = (record: TraceRecord, index: number): string => String(record.fields[index] ?? "")

type OnRecord = (record: TraceRecord, seen: Seen) => boolean

/** What goals remember of a run. */
interface Seen {
  /** By request: its method and endpoint. */
  readonly asked: Map<string, string>
  /** By server and event: the verdict. */
  readonly verdicts: Map<string, string>
  /** Requests whose handlers are at work, by destination. */
  readonly atWork: Map<string, Set<string>>
  /** By request: where it went. */
  readonly wentTo: Map<string, string>
  readonly crashes: Set<string>
}

const endpointOf = (target: string): string =>
  /^\/_matrix\/(?:federation|key)\/v\d+\/([a-z_]+)/.exec(target)?.[1] ?? ""

const answered =
  (endpoint: string, status: string): OnRecord =>
  (record, { asked }) =>
    record.kind === "answer" && at(record, 1) === status && asked.get(at(record, 0)) === endpoint

const verdict =
  (wanted: string, check: string): OnRecord =>
  (record) =>
    record.kind === "event" && at(record, 4) === wanted && at(record, 5).startsWith(check)

const asks =
  (endpoint: string): OnRecord =>
  (record, { asked }) =>
    record.kind === "request" && asked.get(at(record, 0)) === endpoint

const kind =
  (...kinds: readonly string[]): OnRecord =>
  (record) =>
    kinds.includes(record.kind)

const entry =
  (pattern: RegExp): OnRecord =>
  (record) =>
    record.kind === "entry" && pattern.test(at(record, 1))

/** Goals of one thing that happens. */
const onRecord: Readonly<Record<string, OnRecord>> = {
  "rejected by its auth events": verdict("rejected", "4"),
  "rejected by the state before it": verdict("rejected", "5"),
  "soft-failed by the current state": verdict("soft-failed", "6"),
  "an outlier is kept": (record) => record.kind === "event" && at(record, 3) === "outlier",
  "an outlier gets its place": (record, { verdicts }) =>
    record.kind === "event" &&
    at(record, 3) === "timeline" &&
    verdicts.get(`${at(record, 0)} ${at(record, 2)}`)?.startsWith("outlier") === true,
  "a verdict is turned": (record, { verdicts }) => {
    const before = verdicts.get(`${at(record, 0)} ${at(record, 2)}`)?.split(" ")[1]
    return record.kind === "event" && before !== undefined && before !== at(record, 4)
  },
  "a rejection is reversed": (record, { verdicts }) =>
    record.kind === "event" &&
    at(record, 4) === "accepted" &&
    verdicts.get(`${at(record, 0)} ${at(record, 2)}`)?.endsWith("rejected") === true,
  "missing events are asked for": asks("get_missing_events"),
  "a state is asked for by its ids": asks("state_ids"),
  "a whole state is asked for": asks("state"),
  "a single event is asked for": asks("event"),
  "an auth chain is asked for": asks("event_auth"),
  "history is asked for": asks("backfill"),
  "a join over federation": answered("send_join", "200"),
  "a join is refused": answered("make_join", "403"),
  "an invite over federation": answered("invite", "200"),
  "an invite is refused": answered("invite", "403"),
  "a knock over federation": answered("send_knock", "200"),
  "a leave over federation": answered("send_leave", "200"),
  "keys of another server are asked for": asks("server"),
  "keys are asked of a notary": asks("query"),
  "404 on state_ids": answered("state_ids", "404"),
  "404 on an event": answered("event", "404"),
  "403 on a history": answered("get_missing_events", "403"),
  "a server makes no state of an unknown version": answered("make_join", "400"),
  "a transaction is sent again": (record, { asked }) =>
    record.kind === "request" && at(record, 3) === "PUT" && isRepeat(record, asked),
  "devices are fetched": asks("user"),
  "one-time keys are claimed over federation": (record) =>
    record.kind === "request" && at(record, 4).includes("/user/keys/claim"),
  "a server crashes": kind("crash"),
  "a crash between effect and reply": (record, { atWork }) =>
    record.kind === "crash" && (atWork.get(at(record, 0))?.size ?? 0) > 0,
  "a server comes back on a backup": kind("rollback"),
  "a boot fails": kind("boot-failed"),
  "a request is lost": (record) => record.kind === "lost" && at(record, 1) === "request",
  "an answer is lost": (record) => record.kind === "lost" && at(record, 1) === "answer",
  "a request comes twice": kind("copied"),
  "a request fails": kind("failed"),
  "a request is abandoned": kind("abandoned"),
  "an action is forbidden": entry(/^refused: 403/),
  "a user's server is down": entry(/its server is down/),
  "an action is never answered": entry(/^broke off/),
}

const isRepeat = (record: TraceRecord, asked: Map<string, string>): boolean => {
  const key = `sent ${at(record, 1)} ${at(record, 2)} ${at(record, 4)}`
  if (asked.has(key)) return true
  asked.set(key, "")
  return false
}

/** Goals of what servers hold in the end. */
const atEnd: Readonly<Record<string, (servers: readonly VirtualServer[]) => boolean>> = {
  "two forward extremities in the end": (servers) =>
    someRoom(servers, ({ dag }) => dag.forwardExtremities().length > 1),
  "an event with more than ten parents": (servers) =>
    someEvent(servers, ({ event }) => event.prevEvents.length > 10),
  "a merge of two": (servers) => someEvent(servers, ({ event }) => event.prevEvents.length === 2),
  "a merge of three or more": (servers) => someEvent(servers, ({ event }) => event.prevEvents.length > 2),
  "a resolution of two states": (servers) => someResolution(servers, (count) => count === 2),
  "a resolution of three states or more": (servers) => someResolution(servers, (count) => count > 2),
  "a state is believed that another server told": (servers) =>
    someEvent(
      servers,
      (record) =>
        record.place === "timeline" && record.stateSource.kind === "claimed" && record.arrival === "new",
    ),
  "rooms of two versions": (servers) =>
    new Set(servers.flatMap(({ rooms }) => rooms.all().map(({ version }) => version.id))).size > 1,
  "a room is upgraded": (servers) => someEvent(servers, ({ event }) => event.type === "m.room.tombstone"),
  "a server is shut out": (servers) =>
    someEvent(servers, ({ event }) => Array.isArray(event.content.deny) && event.content.deny.length > 0),
  "an event is redacted": (servers) =>
    someEvent(
      servers,
      ({ event, verdict: found }) => event.type === "m.room.redaction" && found === "accepted",
    ),
  "a join by way of another room": (servers) =>
    someEvent(servers, ({ event }) => event.content.join_authorised_via_users_server !== undefined),
}

type Room = ReturnType<VirtualServer["rooms"]["all"]>[number]
type HeldRecord = ReturnType<Room["dag"]["records"]> extends IterableIterator<infer R> ? R : never

const someRoom = (servers: readonly VirtualServer[], is: (room: Room) => boolean): boolean =>
  servers.some(({ rooms }) => rooms.all().some(is))

const someEvent = (servers: readonly VirtualServer[], is: (record: HeldRecord) => boolean): boolean =>
  someRoom(servers, ({ dag }) => [...dag.records()].some(is))

const someResolution = (servers: readonly VirtualServer[], is: (count: number) => boolean): boolean =>
  someRoom(servers, ({ dag }) => resolutionsIn(dag).some(({ states }) => is(states.length)))

/** All goals. */
export const goalNames: readonly string[] = [...Object.keys(onRecord), ...Object.keys(atEnd)]

/** Watches one run. */
export const watchGoals = () => {
  const counts = new GoalCounts()
  const seen: Seen = {
    asked: new Map(),
    verdicts: new Map(),
    atWork: new Map(),
    wentTo: new Map(),
    crashes: new Set(),
  }
  const goals = Object.entries(onRecord)
  return {
    onRecord: (record: TraceRecord): void => {
      before(record, seen)
      for (const [name, is] of goals) if (is(record, seen)) counts.reach(name)
      after(record, seen)
    },
    atEnd: (servers: readonly VirtualServer[]): void => {
      for (const [name, is] of Object.entries(atEnd)) if (is(servers)) counts.reach(name)
    },
    counts: () => counts.all(),
  }
}

const before = (record: TraceRecord, { asked, atWork, wentTo }: Seen): void => {
  const id = at(record, 0)
  if (record.kind === "request") {
    asked.set(id, endpointOf(at(record, 4)))
    wentTo.set(id, at(record, 2))
  }
  const server = wentTo.get(id) ?? ""
  if (record.kind === "delivered") {
    const working = atWork.get(server) ?? new Set()
    atWork.set(server, working.add(id))
  }
  if (record.kind === "answer") atWork.get(server)?.delete(id)
}

const after = (record: TraceRecord, { verdicts, atWork }: Seen): void => {
  if (record.kind === "event") {
    verdicts.set(`${at(record, 0)} ${at(record, 2)}`, `${at(record, 3)} ${at(record, 4)}`)
  }
  if (record.kind === "crash") atWork.delete(at(record, 0))
}
