/** Events as they travel: transactions, with what the target must look like after each. */
import type { CorpusRequest } from "./format.ts"
import { pathOf, type Relation, signRequest } from "./requests.ts"
import type { MadeEvent, RoomMaker } from "./room-maker.ts"

/** A request of the corpus, and what it does to its room. */
export interface CorpusStep {
  readonly request: CorpusRequest
  /** What the request brings, in order. */
  readonly events: readonly MadeEvent[]
  /** Undefined where the room stays as it was. */
  readonly after?: RoomOutcome
}

/** What a room must look like: its forward extremities, and the state before each of them, which is the same for all. */
export interface RoomOutcome {
  readonly tips: readonly string[]
  readonly state: string
}

/** `PUT /send` with those events (server-server API §Transactions). */
export const transaction = (
  relation: Relation,
  room: RoomMaker,
  id: string,
  events: readonly MadeEvent[],
): CorpusRequest => {
  const timestamp = Math.max(...events.map(({ pdu }) => Number(pdu.origin_server_ts)))
  // Canonical, since each part is: so what is sent is what is signed.
  const pdus = events.map(({ text }) => text).join(",")
  const body = `{"edus":[],"origin":${JSON.stringify(relation.origin)},"origin_server_ts":${timestamp},"pdus":[${pdus}]}`
  return signRequest(relation, {
    method: "PUT",
    path: pathOf("v1", "send", `${room.roomId.slice(1, 17)}-${id}`),
    endpoint: "send",
    body,
  })
}
