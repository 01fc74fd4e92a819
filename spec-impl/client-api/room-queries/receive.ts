/** Client-server API §Querying hierarchies and §GET …/timestamp_to_event: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { encodeBase64Url } from "../../core/base64.ts"
import { sha256 } from "../../core/hash.ts"
import { TimestampSearch } from "../../federation/history/timestamp-search.ts"
import { forbidden, invalidParameter, type MatrixError } from "../../federation/matrix-error.ts"
import { Spaces } from "../../federation/spaces/spaces.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"

/** So many rooms of a hierarchy are on a page, and no more than so many. */
const pageDefault = 50
const pageMax = 1_000

export const RoomQueriesReceive = HttpApiBuilder.group(
  ClientApi,
  "roomQueries",
  Effect.fnUntraced(function* (handlers) {
    const spaces = yield* Spaces
    const timestamps = yield* TimestampSearch

    return handlers
      .handle(
        "hierarchy",
        Effect.fnUntraced(function* ({ params: { roomId }, query }) {
          const { userId } = yield* Requester
          const { limit = pageDefault, suggested_only: suggestedOnly = false, max_depth: depthMax } = query
          if (limit < 1) return yield* invalidParameter("there are no pages of less than one room")
          if (depthMax !== undefined && depthMax < 0) return yield* invalidParameter("there is no such depth")
          const question = [userId, roomId, String(suggestedOnly), String(depthMax)]
          const begin = query.from === undefined ? 0 : yield* placeIn(query.from, question)
          const rooms = yield* spaces
            .walk(userId, roomId, { suggestedOnly, ...(depthMax === undefined ? {} : { depthMax }) })
            .pipe(Effect.mapError(({ error }) => forbidden(error)))
          const end = begin + Math.min(limit, pageMax)
          return {
            rooms: rooms.slice(begin, end),
            ...(end < rooms.length ? { next_batch: placeAt(end, question) } : {}),
          }
        }),
      )
      .handle(
        "timestampToEvent",
        Effect.fnUntraced(function* ({ params: { roomId }, query: { ts, dir } }) {
          const { userId } = yield* Requester
          const { eventId, originServerTs } = yield* timestamps.closest(userId, roomId, ts, dir)
          return { event_id: eventId, origin_server_ts: originServerTs }
        }),
      )
  }),
)

const digestOf = (question: readonly string[]): string =>
  encodeBase64Url(sha256(JSON.stringify(question))).slice(0, 8)

/** A place in the answer to one question, by which nobody goes on in the answer to another. */
const placeAt = (index: number, question: readonly string[]): string => `${index}_${digestOf(question)}`

/** §GET …/hierarchy: 400 where the token is unknown, or `suggested_only` or `max_depth` is another than before. */
const placeIn = (from: string, question: readonly string[]): Effect.Effect<number, MatrixError> => {
  const [, index, digest] = /^([0-9]{1,6})_(.+)$/.exec(from) ?? []
  return digest === digestOf(question)
    ? Effect.succeed(Number(index))
    : Effect.fail(invalidParameter("from is no place in this hierarchy"))
}
