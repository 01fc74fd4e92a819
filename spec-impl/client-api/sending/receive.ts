/** Client-server API §Sending events to a room, §Redactions: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { without } from "../../core/hash.ts"
import type { JsonObject } from "../../core/json/value.ts"
import { badJson } from "../../federation/matrix-error.ts"
import { LocalUsers } from "../../homeserver/local-users.ts"
import { isJoined } from "../../homeserver/shared-rooms.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { TransactionIds } from "../events/transaction-ids.ts"
import { roomOfRequester } from "../room-of-requester.ts"
import { checkAnnotation, checkCanonicalAlias } from "./checks.ts"

export const SendingReceive = HttpApiBuilder.group(
  ClientApi,
  "sending",
  Effect.fnUntraced(function* (handlers) {
    const users = yield* LocalUsers
    const transactionIds = yield* TransactionIds

    /** §PUT …/send: in all room versions a redaction may say in its content what it is of. */
    const send = Effect.fnUntraced(function* (
      roomId: string,
      type: string,
      content: JsonObject,
      transactionId: string,
    ) {
      const requester = yield* Requester
      const room = yield* roomOfRequester(roomId)
      const { redacts } = content
      const isRedaction = type === "m.room.redaction"
      if (isRedaction && typeof redacts !== "string") return yield* badJson("a redaction says what it is of")
      const path = `${roomId}/send/${type}`
      return yield* transactionIds.once(requester, path, transactionId, (kept) =>
        Effect.gen(function* () {
          if (!isRedaction) yield* checkAnnotation(room, requester.userId, type, content)
          const { eventId } = yield* acted(
            isRedaction
              ? users.redact(requester.userId, roomId, redacts as string, without(content, ["redacts"]), kept)
              : users.send(requester.userId, roomId, type, content, kept),
          )
          return eventId
        }),
      )
    })

    const setState = Effect.fnUntraced(function* (
      roomId: string,
      type: string,
      stateKey: string,
      content: JsonObject,
    ) {
      const { userId } = yield* Requester
      const isOwnJoin = type === "m.room.member" && stateKey === userId && content.membership === "join"
      const room = yield* roomOfRequester(roomId)
      if (type === "m.room.canonical_alias" && stateKey === "") yield* checkCanonicalAlias(room, content)
      const { eventId } = yield* acted(
        isOwnJoin && !isJoined(room, userId)
          ? users.join(userId, roomId, [], without(content, ["membership"]))
          : users.setState(userId, roomId, type, stateKey, content),
      )
      return { event_id: eventId }
    })

    return handlers
      .handle("send", ({ params: { roomId, eventType, txnId }, payload }) =>
        Effect.map(send(roomId, eventType, payload, txnId), (eventId) => ({ event_id: eventId })),
      )
      .handle("setStateWithoutKey", ({ params: { roomId, eventType }, payload }) =>
        setState(roomId, eventType, "", payload),
      )
      .handle("setStateWithEmptyKey", ({ params: { roomId, eventType }, payload }) =>
        setState(roomId, eventType, "", payload),
      )
      .handle("setState", ({ params: { roomId, eventType, stateKey }, payload }) =>
        setState(roomId, eventType, stateKey, payload),
      )
      .handle(
        "redact",
        Effect.fnUntraced(function* ({ params: { roomId, eventId, txnId }, payload }) {
          const requester = yield* Requester
          yield* roomOfRequester(roomId)
          const path = `${roomId}/redact/${eventId}`
          const redaction = transactionIds.once(requester, path, txnId, (kept) =>
            Effect.map(
              acted(users.redact(requester.userId, roomId, eventId, { ...payload }, kept)),
              (event) => event.eventId,
            ),
          )
          return { event_id: yield* redaction }
        }),
      )
  }),
)
