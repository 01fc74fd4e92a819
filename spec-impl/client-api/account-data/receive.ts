/** Client-server API §Client Config and §Room Tagging: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { invalidParameter, MatrixError, notFound } from "../../federation/matrix-error.ts"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { ownId } from "../own.ts"
import { PushRules } from "../push-rules/push-rules.ts"
import { AccountData } from "./account-data.ts"

/** §PUT …/account_data/{type}: "controlled by the server; it cannot be modified by clients". */
const serverTypes: ReadonlySet<string> = new Set(["m.fully_read", "m.push_rules"])

const checkType = (type: string): Effect.Effect<void, MatrixError> =>
  serverTypes.has(type)
    ? Effect.fail(
        new MatrixError({
          status: 405,
          errcode: "M_BAD_JSON",
          error: `${type} is not set through this endpoint`,
        }),
      )
    : Effect.void

const checkRoomId = (roomId: string): Effect.Effect<void, MatrixError> =>
  /^![^\0]/.test(roomId) ? Effect.void : Effect.fail(invalidParameter(`${roomId} is no room id`))

const tagsIn = (content: JsonObject | undefined): JsonObject =>
  isJsonObject(content?.tags) ? content.tags : {}

export const AccountDataReceive = HttpApiBuilder.group(
  ClientApi,
  "accountData",
  Effect.fnUntraced(function* (handlers) {
    const accountData = yield* AccountData
    const pushRules = yield* PushRules

    const get = (userId: string, roomId: string, type: string): Effect.Effect<JsonObject, MatrixError> => {
      const content =
        roomId === "" && type === "m.push_rules"
          ? pushRules.accountDataOf(userId)
          : accountData.get(userId, roomId, type)
      return content === undefined ? Effect.fail(notFound(`there is no ${type}`)) : Effect.succeed(content)
    }

    return handlers
      .handle("get", ({ params: { userId, type } }) =>
        Effect.flatMap(ownId(userId), () => get(userId, "", type)),
      )
      .handle(
        "set",
        Effect.fnUntraced(function* ({ params: { userId, type }, payload }) {
          yield* ownId(userId)
          yield* checkType(type)
          yield* acted(accountData.set(userId, "", type, payload))
          return {}
        }),
      )
      .handle(
        "getOfRoom",
        Effect.fnUntraced(function* ({ params: { userId, roomId, type } }) {
          yield* ownId(userId)
          yield* checkRoomId(roomId)
          return yield* get(userId, roomId, type)
        }),
      )
      .handle(
        "setOfRoom",
        Effect.fnUntraced(function* ({ params: { userId, roomId, type }, payload }) {
          yield* ownId(userId)
          yield* checkRoomId(roomId)
          yield* checkType(type)
          yield* acted(accountData.set(userId, roomId, type, payload))
          return {}
        }),
      )
      .handle("tags", ({ params: { userId, roomId } }) =>
        Effect.map(ownId(userId), () => ({ tags: tagsIn(accountData.get(userId, roomId, "m.tag")) })),
      )
      .handle(
        "addTag",
        Effect.fnUntraced(function* ({ params: { userId, roomId, tag }, payload }) {
          yield* ownId(userId)
          yield* checkRoomId(roomId)
          const add = (content: JsonObject | undefined): JsonObject => ({
            tags: { ...tagsIn(content), [tag]: payload },
          })
          yield* acted(accountData.update(userId, roomId, "m.tag", add))
          return {}
        }),
      )
      .handle(
        "removeTag",
        Effect.fnUntraced(function* ({ params: { userId, roomId, tag } }) {
          yield* ownId(userId)
          const remove = (content: JsonObject | undefined): JsonObject => {
            const { [tag]: _, ...tags } = tagsIn(content)
            return { tags }
          }
          if (Object.hasOwn(tagsIn(accountData.get(userId, roomId, "m.tag")), tag))
            yield* acted(accountData.update(userId, roomId, "m.tag", remove))
          return {}
        }),
      )
  }),
)
