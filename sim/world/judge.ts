/** The verdicts on a run, from what the servers hold when it is over. */
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import type { JsonValue } from "#spec-impl/core/json/value.ts"
import { differingKeys, findParting, type HeldRoom, type Parting, stateByKey } from "../checks/agreement.ts"
import { findMissing, findUnsent } from "../checks/liveness.ts"
import { describeEvent } from "./describe-event.ts"
import { explainLoss } from "./explain-loss.ts"
import type { DifferingKey, RunReport, Verdict, Verdicts } from "./report.ts"
import type { ServerView } from "./scenario.ts"
import { unfinishedOn } from "./unfinished.ts"
import type { VirtualServer } from "./world.ts"

/** What is judged of a run. */
export interface Ending {
  readonly servers: readonly VirtualServer[]
  /** The rooms that the story was about. */
  readonly roomIds: readonly string[]
  /** Servers that could not send their settling message. */
  readonly unsettled: readonly string[]
  /** What the story wrote down. */
  readonly notes: ReadonlyMap<string, JsonValue>
  readonly wanted: (view: ServerView) => boolean
}

type Judged = Verdicts &
  Pick<RunReport, "state" | "differing" | "why"> & { readonly parting: Parting | undefined }

/** Judges an ending; knows nothing of what was expected. */
export const judge = ({ servers, roomIds, unsettled, notes, wanted }: Ending): Judged => {
  const rooms = roomIds.map((roomId) => judgeRoom(roomId, servers))
  const partings = rooms.flatMap(({ parting }) => parting ?? [])
  const present = servers.filter((server) =>
    roomIds.some((roomId) => server.rooms.find(roomId) !== undefined),
  )
  const stuck = [
    ...findUnsent(present.map(({ name, destinations }) => ({ server: name, unsent: destinations.unsent() }))),
    ...findUnfinished(present, roomIds),
    ...rooms.flatMap(({ stuck }) => stuck),
  ]
  const agree: Verdict = unsettled.length > 0 ? "unknown" : partings.length === 0 ? "yes" : "no"
  const isWanted = present.every((server) => wanted(viewOf(server, roomIds[0] ?? "", notes)))
  const reasons = [
    ...unsettled.map((server) => `${server} cannot send in the room any more.`),
    ...rooms.flatMap(({ reasons }) => reasons),
    ...stuck.map((reason) => `${reason}.`),
  ]
  return {
    agree,
    wanted: isWanted ? "yes" : "no",
    live: stuck.length === 0 ? "yes" : "no",
    state: Object.fromEntries(
      present.map(({ name }) => [
        name,
        Object.assign({}, ...rooms.map(({ state }, at) => inRoom(state[name] ?? {}, roomIds, at))),
      ]),
    ),
    differing: rooms.flatMap(({ differing }, at) =>
      differing.map(({ key, values }) => ({ key: keyInRoom(key, roomIds, at), values })),
    ),
    why: reasons.length > 0 ? reasons.join(" ") : "All servers hold the same events and show the same state.",
    parting: partings[0],
  }
}

/** What is begun and not ended, but for what is of other rooms, one sentence each. */
const findUnfinished = (servers: readonly VirtualServer[], roomIds: readonly string[]): readonly string[] =>
  servers.flatMap((server) =>
    unfinishedOn(server)
      .filter(({ roomId }) => roomId === undefined || roomIds.includes(roomId))
      .map(({ what }) => `${server.name} waits for ${what}`),
  )

const judgeRoom = (roomId: string, servers: readonly VirtualServer[]) => {
  const held = servers.flatMap(({ name, rooms }) => {
    const dag = rooms.find(roomId)?.dag
    return dag === undefined ? [] : [{ server: name, dag }]
  })
  const state = Object.fromEntries(
    held.map(({ server, dag }) => [server, stateByKey(dag, dag.currentState())]),
  )
  const states = Object.values(state)
  const parting = findParting(held)
  return {
    state,
    parting,
    stuck: findMissing(held),
    differing: differingTable(held, states),
    reasons: parting === undefined ? [] : [describeParting(parting), ...explainLoss(held, states)],
  }
}

/** The story's first room needs no name; of the others the room id is part of the key. */
const keyInRoom = (key: string, roomIds: readonly string[], at: number): string =>
  at === 0 ? key : `${key}|${roomIds[at]}`

const inRoom = (
  state: Readonly<Record<string, string>>,
  roomIds: readonly string[],
  at: number,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(state).map(([key, eventId]) => [keyInRoom(key, roomIds, at), eventId]))

const viewOf = (
  { name, rooms, services }: VirtualServer,
  firstRoomId: string,
  notes: ReadonlyMap<string, JsonValue>,
): ServerView => ({
  server: name,
  services,
  noted: (label) => notes.get(label),
  state: (type, stateKey, roomId = firstRoomId) => {
    const dag = rooms.find(roomId)?.dag
    return dag?.eventIn(dag.currentState(), type, stateKey)
  },
})

const differingTable = (
  rooms: readonly HeldRoom[],
  states: readonly Readonly<Record<string, string>>[],
): readonly DifferingKey[] =>
  differingKeys(states)
    .toSorted(compareCodePoints)
    .map((key) => ({
      key,
      values: Object.fromEntries(
        rooms.map(({ server, dag }, at) => {
          const eventId = states[at]?.[key]
          return [server, describeEvent(eventId === undefined ? undefined : dag.record(eventId)?.event)]
        }),
      ),
    }))

const describeParting = ({ cause, servers: [one, other], eventId, claimedBy, keys }: Parting): string => {
  const at = eventId === undefined ? "at the end of the room's history" : `before ${eventId}`
  const what = keys.length > 0 ? ` in ${keys.join(", ")}` : ""
  switch (cause) {
    case "different-inputs":
      return `${one} and ${other} part ${at}: one of them was told the state there by ${claimedBy}, and it differs${what}.`
    case "different-resolution":
      return `${one} and ${other} part ${at}: they resolved the same states differently${what}.`
    case "different-verdict-on-event":
      return `${one} and ${other} part ${at}: one of them rejected that event.`
    case "missing-events":
      return `${one} and ${other} do not hold the same events${what}.`
  }
}
