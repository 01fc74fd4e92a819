/** Goals of one thing that happens, as the trace tells it. */
import type { TraceRecord } from "../../kernel/trace.ts"
import { at, type RecordGoal, type Seen } from "./goal.ts"

const endpointOf = (target: string): string =>
  /^\/_matrix\/(?:federation|key)\/v\d+\/([a-z_]+)/.exec(target)?.[1] ?? ""

/** What a goal looks for: a kind of record, and what else must be so of it. */
interface Test {
  readonly kind: string
  readonly is: RecordGoal["is"]
}

const test = (kind: string, is: RecordGoal["is"] = () => true): Test => ({ kind, is })

const answered = (endpoint: string, status: string): Test =>
  test("answer", (record, { asked }) => at(record, 1) === status && asked.get(at(record, 0)) === endpoint)

const verdict = (wanted: string, check: string): Test =>
  test("event", (record) => at(record, 4) === wanted && at(record, 5).startsWith(check))

const asks = (endpoint: string, word = ""): Test =>
  test("request", (record, { asked }) =>
    asked.get(at(record, 0)) === endpoint && at(record, 4).includes(word))

const lost = (leg: string): Test => test("lost", (record) => at(record, 1) === leg)

const entry = (pattern: RegExp): Test => test("entry", (record) => pattern.test(at(record, 1)))

/** What was decided of an event before on the same server. */
const before = (record: TraceRecord, { verdicts }: Seen) => verdicts.get(`${at(record, 0)} ${at(record, 2)}`)

const goal = (name: string, needs: string, wanted: Test): RecordGoal => ({ name, needs, ...wanted })

export const recordGoals: readonly RecordGoal[] = [
  goal(
    "rejected by its auth events",
    "an event that cites what does not allow it: of a hostile server, or in a room of which a false state was told",
    verdict("rejected", "4"),
  ),
  goal(
    "rejected by the state before it",
    "an event of which a server was told another state than its author had",
    verdict("rejected", "5"),
  ),
  goal(
    "soft-failed by the current state",
    "somebody acts on a server that has not heard of their removal or demotion",
    verdict("soft-failed", "6"),
  ),
  goal(
    "an outlier is kept",
    "an event that others rest on, whose place in the history is not known: a join, or a gap",
    test("event", (record) => at(record, 3) === "outlier"),
  ),
  goal(
    "an outlier gets its place",
    "history is fetched of which parts were held for others to rest on",
    test("event", (record, seen) => at(record, 3) === "timeline" && before(record, seen)?.[0] === "outlier"),
  ),
  goal(
    "a verdict is turned",
    "an event is decided anew: its place is found, or a partial state becomes whole, and it falls out otherwise",
    test("event", (record, seen) => {
      const [, verdictBefore] = before(record, seen) ?? []
      return verdictBefore !== undefined && verdictBefore !== at(record, 4)
    }),
  ),
  goal(
    "a rejection is reversed",
    "an event is rejected by a partial state, or came in a worse copy first, and is found good later",
    test("event", (record, seen) => at(record, 4) === "accepted" && before(record, seen)?.[1] === "rejected"),
  ),
  goal(
    "missing events are asked for",
    "an event comes whose parents did not: a cut, a loss",
    asks("get_missing_events"),
  ),
  goal("a state is asked for by its ids", "a gap longer than what is asked for at once", asks("state_ids")),
  goal("a whole state is asked for", "a gap, and a state of which much is not held", asks("state")),
  goal("a single event is asked for", "a gap, and a state of which little is not held", asks("event")),
  goal(
    "an auth chain is asked for",
    "an event that cites auth events which are not held",
    asks("event_auth"),
  ),
  goal(
    "history is asked for",
    "a state was told, and what came before is fetched after it",
    asks("backfill"),
  ),
  goal(
    "a join over federation",
    "somebody joins whose server is not in the room",
    answered("send_join", "200"),
  ),
  goal(
    "a join in partial state",
    "a server that joins without being told all memberships",
    asks("send_join", "omit_members=true"),
  ),
  goal("a join is refused", "somebody joins whom the rules keep out", answered("make_join", "403")),
  goal(
    "a server comes in for the second time",
    "all users of a server leave a room, and one joins again",
    test("answer", (record, seen) =>
      isEntry(record, seen) && (seen.entries.get(entryOf(record, seen)) ?? 0) > 0),
  ),
  goal("an invite over federation", "somebody of another server is invited", answered("invite", "200")),
  goal("an invite is refused", "a user who wants no invites is invited", answered("invite", "403")),
  goal(
    "a knock over federation",
    "a room with knocking, and a knock from outside",
    answered("send_knock", "200"),
  ),
  goal(
    "a leave over federation",
    "somebody turns an invite down, or takes a knock back, whose server is not in the room",
    answered("send_leave", "200"),
  ),
  goal(
    "keys of another server are asked for",
    "an event of a server that was not heard before",
    asks("server"),
  ),
  goal("keys are asked of a notary", "a server that does not answer, and events of it", asks("query")),
  goal(
    "404 on state_ids",
    "a state is asked of a server that has none at that event",
    answered("state_ids", "404"),
  ),
  goal("404 on an event", "an event is asked of a server that does not hold it", answered("event", "404")),
  goal(
    "403 on a history",
    "a server asks for what is missing in a room that it has left, or is shut out of",
    answered("get_missing_events", "403"),
  ),
  goal(
    "a server is asked to wait",
    "a fault by which an endpoint answers 429",
    test("answer", (record) => at(record, 1) === "429"),
  ),
  goal(
    "a server makes no state of an unknown version",
    "a server that does not know the version of a room, and a user of it who joins there",
    entry(/M_INCOMPATIBLE_ROOM_VERSION/),
  ),
  goal(
    "a transaction is sent again",
    "an answer that does not come",
    test("request", (record, { sent }) => at(record, 3) === "PUT" && sent.has(sendingOf(record))),
  ),
  goal("devices are fetched", "a change of devices that builds on one that was not heard of", asks("user")),
  goal(
    "one-time keys are claimed over federation",
    "somebody claims a key of a user of another server",
    test("request", (record) => at(record, 4).includes("/user/keys/claim")),
  ),
  goal("a server crashes", "a crash or restart, while it is up", test("crash")),
  goal(
    "a crash between effect and reply",
    "a server that crashes while it is at work on a request",
    test("crash", (record, { atWork }) => (atWork.get(at(record, 0))?.size ?? 0) > 0),
  ),
  goal("a server comes back on a backup", "the fault store-rollback", test("rollback")),
  goal("a boot fails", "a server that boots while its disk is full", test("boot-failed")),
  goal("a request is lost", "loss, or a cut while it is on its way", lost("request")),
  goal("an answer is lost", "loss, or a cut while the server is at work", lost("answer")),
  goal("a request comes twice", "the fault duplication", test("copied")),
  goal("a request fails", "a cut, or a server that is down", test("failed")),
  goal("a request is abandoned", "a crash while it waits for its answer", test("abandoned")),
  goal("an action is forbidden", "an action that the rules forbid", entry(/^refused: 403/)),
  goal(
    "nobody can vouch for a restricted join",
    "a restricted join by way of servers that are not in the room which is to be joined first",
    entry(/M_UNABLE_TO_AUTHORISE_JOIN/),
  ),
  goal(
    "a shut-out server is turned away",
    "a server that an access control list denies, and a user of it who joins",
    entry(/denied by the server ACL/),
  ),
  goal(
    "somebody who wants no invites is invited",
    "the action block-invites, and an invite after it",
    entry(/M_INVITE_BLOCKED/),
  ),
  goal("a user's server is down", "an action while the server has crashed", entry(/its server is down/)),
  goal(
    "an action is never answered",
    "a crash while the server waits for others on behalf of a user: in a join or an invite",
    entry(/^broke off/),
  ),
]

const isEntry = (record: TraceRecord, { asked }: Seen): boolean =>
  record.kind === "answer" && at(record, 1) === "200" && asked.get(at(record, 0)) === "send_join"

/** Which server a join lets in where. */
const entryOf = (record: TraceRecord, { between, rooms }: Seen): string =>
  `${between.get(at(record, 0))?.[0]} ${rooms.get(at(record, 0))}`

const sendingOf = (record: TraceRecord): string => `${at(record, 1)} ${at(record, 2)} ${at(record, 4)}`

/** What a record says to goals that look at it and at later ones. */
export const noteBefore = (record: TraceRecord, seen: Seen): void => {
  const id = at(record, 0)
  if (record.kind === "request") {
    seen.asked.set(id, endpointOf(at(record, 4)))
    seen.between.set(id, [at(record, 1), at(record, 2)])
    seen.rooms.set(id, /\/(%21|!)[^/?]*/.exec(at(record, 4))?.[0] ?? "")
  }
  const destination = seen.between.get(id)?.[1] ?? ""
  if (record.kind === "delivered") {
    seen.atWork.set(destination, (seen.atWork.get(destination) ?? new Set()).add(id))
  }
  if (record.kind === "answer") seen.atWork.get(destination)?.delete(id)
}

/** What a record says to goals that look at later ones. */
export const noteAfter = (record: TraceRecord, seen: Seen): void => {
  if (record.kind === "event") {
    seen.verdicts.set(`${at(record, 0)} ${at(record, 2)}`, [at(record, 3), at(record, 4)])
  }
  if (record.kind === "request" && at(record, 3) === "PUT") seen.sent.add(sendingOf(record))
  if (isEntry(record, seen)) {
    const entry = entryOf(record, seen)
    seen.entries.set(entry, (seen.entries.get(entry) ?? 0) + 1)
  }
  if (record.kind === "crash") seen.atWork.delete(at(record, 0))
}
