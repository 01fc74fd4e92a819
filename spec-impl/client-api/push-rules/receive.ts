/** Client-server API §Push Rules: API: the receiving half. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { acted } from "../acted.ts"
import { ClientApi } from "../api.ts"
import { Requester } from "../client-endpoint.ts"
import { PushRules } from "./push-rules.ts"

export const PushRulesReceive = HttpApiBuilder.group(
  ClientApi,
  "pushRules",
  Effect.fnUntraced(function* (handlers) {
    const rules = yield* PushRules
    const found = ({ kind, ruleId }: { readonly kind: string; readonly ruleId: string }) =>
      Effect.flatMap(Requester, ({ userId }) => rules.find(userId, kind, ruleId))

    return handlers
      .handle("all", () => Effect.map(Requester, ({ userId }) => ({ global: { ...rules.rulesOf(userId) } })))
      .handle("global", () => Effect.map(Requester, ({ userId }) => ({ ...rules.rulesOf(userId) })))
      .handle("get", ({ params }) => found(params))
      .handle("put", ({ params: { kind, ruleId }, query, payload }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          acted(Effect.as(rules.put(userId, kind, ruleId, payload, query), {})),
        ),
      )
      .handle("remove", ({ params: { kind, ruleId } }) =>
        Effect.flatMap(Requester, ({ userId }) => acted(Effect.as(rules.remove(userId, kind, ruleId), {}))),
      )
      .handle("isEnabled", ({ params }) =>
        Effect.map(found(params), ({ enabled }) => ({ enabled: enabled === true })),
      )
      .handle("enable", ({ params: { kind, ruleId }, payload: { enabled } }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          acted(Effect.as(rules.change(userId, kind, ruleId, { enabled }), {})),
        ),
      )
      .handle("actions", ({ params }) =>
        Effect.map(found(params), ({ actions }) => ({ actions: actions ?? [] })),
      )
      .handle("act", ({ params: { kind, ruleId }, payload: { actions } }) =>
        Effect.flatMap(Requester, ({ userId }) =>
          acted(Effect.as(rules.change(userId, kind, ruleId, { actions: [...actions] }), {})),
        ),
      )
  }),
)
