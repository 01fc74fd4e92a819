/** What a server asks another about the events of a room that both hold. */
import type { CorpusRequest } from "../format.ts"
import { pathOf, type Relation, signRequest } from "../requests.ts"

/** `GET /event` (server-server API §Retrieving events). */
export const askEvent = (relation: Relation, eventId: string): CorpusRequest =>
  signRequest(relation, { method: "GET", path: pathOf("v1", "event", eventId), endpoint: "event" })

/** `GET /state_ids` (server-server API §Retrieving events). */
export const askStateIds = (relation: Relation, roomId: string, eventId: string): CorpusRequest =>
  signRequest(relation, {
    method: "GET",
    path: `${pathOf("v1", "state_ids", roomId)}?event_id=${encodeURIComponent(eventId)}`,
    endpoint: "state_ids",
  })

/** `GET /backfill` of twenty events (server-server API §Backfilling and retrieving missing events). */
export const askBackfill = (relation: Relation, roomId: string, eventId: string): CorpusRequest =>
  signRequest(relation, {
    method: "GET",
    path: `${pathOf("v1", "backfill", roomId)}?v=${encodeURIComponent(eventId)}&limit=20`,
    endpoint: "backfill",
  })

/** `GET /make_join` for a user of the origin (server-server API §Joining Rooms). */
export const askMakeJoin = (
  relation: Relation,
  roomId: string,
  userId: string,
  roomVersion: string,
): CorpusRequest =>
  signRequest(relation, {
    method: "GET",
    path: `${pathOf("v1", "make_join", roomId, userId)}?ver=${encodeURIComponent(roomVersion)}`,
    endpoint: "make_join",
  })
