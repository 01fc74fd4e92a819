/** Which events a user wants to be told of, and how (client-server API §Push Notifications). */
import { Context, Effect, Layer } from "effect"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"
import { invalidParameter, type MatrixError, notFound } from "../../federation/matrix-error.ts"
import type { StoreFailure } from "../../store/event-store.ts"
import { AccountData } from "../account-data/account-data.ts"
import { defaultRules, type RuleKind, type Ruleset, ruleKinds } from "./default-rules.ts"

/** Kept as the account data by which clients are told of them. */
const type = "m.push_rules"

/** Where a rule of a user's own is to stand: before or after another of its kind; else it counts first. */
export interface RulePlace {
  readonly before?: string | undefined
  readonly after?: string | undefined
}

type Act = Effect.Effect<void, MatrixError | StoreFailure>

export class PushRules extends Context.Service<
  PushRules,
  {
    readonly rulesOf: (userId: string) => Ruleset
    /** The content of the user's `m.push_rules`. */
    readonly accountDataOf: (userId: string) => JsonObject
    /** 404 for what is no kind, or no rule. */
    readonly find: (userId: string, kind: string, ruleId: string) => Effect.Effect<JsonObject, MatrixError>
    /** Makes a rule of the user's own, or another of it. 400 for the id of a server's rule and for what is no rule. */
    readonly put: (userId: string, kind: string, ruleId: string, rule: JsonObject, place: RulePlace) => Act
    /** 404 where the user has made no such rule. */
    readonly remove: (userId: string, kind: string, ruleId: string) => Act
    /** Changes parts of any rule: `enabled`, or `actions`. 404 where there is no such rule. */
    readonly change: (userId: string, kind: string, ruleId: string, parts: JsonObject) => Act
  }
>()("netsplit/client-api/PushRules") {
  static readonly layer = Layer.effect(
    PushRules,
    Effect.gen(function* () {
      const accountData = yield* AccountData

      const rulesOf = (userId: string): Ruleset => readRules(userId, accountData.get(userId, "", type))

      const keep = (
        userId: string,
        kind: RuleKind,
        edit: (rules: readonly JsonObject[]) => readonly JsonObject[],
      ) =>
        accountData.update(userId, "", type, (content) => {
          const rules = readRules(userId, content)
          return { global: { ...rules, [kind]: edit(rules[kind]) } }
        })

      const find = Effect.fnUntraced(function* (userId: string, kindName: string, ruleId: string) {
        const kind = yield* kindOf(kindName)
        const rule = rulesOf(userId)[kind].find(({ rule_id: id }) => id === ruleId)
        return rule === undefined ? yield* notFound(`there is no ${kind} rule ${ruleId}`) : { kind, rule }
      })

      return PushRules.of({
        rulesOf,
        accountDataOf: (userId) => ({ global: { ...rulesOf(userId) } }),
        find: (userId, kind, ruleId) => Effect.map(find(userId, kind, ruleId), ({ rule }) => rule),
        put: Effect.fnUntraced(function* (userId, kindName, ruleId, given, place) {
          const kind = yield* kindOf(kindName)
          if (!/^[^./\\][^/\\]*$/.test(ruleId))
            return yield* invalidParameter(`${ruleId} is no id of a user's rule`)
          const problem = problemWith(kind, given)
          if (problem !== undefined) return yield* invalidParameter(problem)
          const neighbour = place.before ?? place.after
          if (neighbour !== undefined) yield* find(userId, kind, neighbour)
          yield* keep(userId, kind, (rules) => withRule(rules, kind, ruleId, given, place))
        }),
        remove: Effect.fnUntraced(function* (userId, kindName, ruleId) {
          const { kind, rule } = yield* find(userId, kindName, ruleId)
          if (rule.default === true) return yield* notFound(`${ruleId} is no rule of the user's own`)
          yield* keep(userId, kind, (rules) => rules.filter(({ rule_id: id }) => id !== ruleId))
        }),
        change: Effect.fnUntraced(function* (userId, kindName, ruleId, parts) {
          const { kind } = yield* find(userId, kindName, ruleId)
          yield* keep(userId, kind, (rules) =>
            rules.map((rule) => (rule.rule_id === ruleId ? { ...rule, ...parts } : rule)),
          )
        }),
      })
    }),
  )
}

const kindOf = (name: string): Effect.Effect<RuleKind, MatrixError> => {
  const kind = ruleKinds.find((known) => known === name)
  return kind === undefined
    ? Effect.fail(notFound(`there is no kind ${name} of rules`))
    : Effect.succeed(kind)
}

const readRules = (userId: string, content: JsonObject | undefined): Ruleset =>
  (content?.global ?? defaultRules(userId)) as unknown as Ruleset

const isObjects = (value: JsonValue | undefined): value is JsonObject[] =>
  isJsonArray(value) && value.every((one) => isJsonObject(one))

/** §PUT /pushrules/…: the conditions are for override and underride rules, the pattern for content rules. */
const problemWith = (kind: RuleKind, { actions, conditions, pattern }: JsonObject): string | undefined => {
  if (!isJsonArray(actions)) return "a rule has actions"
  if (!actions.every((action) => typeof action === "string" || isJsonObject(action)))
    return "that is no action"
  if (kind === "content" && typeof pattern !== "string") return "a content rule has a pattern"
  const isConditional = kind === "override" || kind === "underride"
  return isConditional && conditions !== undefined && !isObjects(conditions)
    ? "these are no conditions"
    : undefined
}

/** A user's rules count before the server's, but for `.m.rule.master`, which counts before all. */
const withRule = (
  before: readonly JsonObject[],
  kind: RuleKind,
  ruleId: string,
  { actions = [], conditions = [], pattern = "" }: JsonObject,
  place: RulePlace,
): readonly JsonObject[] => {
  const known = before.find(({ rule_id: id }) => id === ruleId)
  const rule: JsonObject = {
    rule_id: ruleId,
    default: false,
    enabled: known?.enabled ?? true,
    actions,
    ...(kind === "override" || kind === "underride" ? { conditions } : {}),
    ...(kind === "content" ? { pattern } : {}),
  }
  const { before: next, after: previous } = place
  if (known !== undefined && next === undefined && previous === undefined)
    return before.map((one) => (one === known ? rule : one))
  const others = before.filter((one) => one !== known)
  const master = others[0]?.rule_id === ".m.rule.master" ? 1 : 0
  const at =
    next !== undefined
      ? others.findIndex(({ rule_id: id }) => id === next)
      : previous !== undefined
        ? others.findIndex(({ rule_id: id }) => id === previous) + 1
        : master
  return others.toSpliced(Math.max(at, master), 0, rule)
}
