/** What a user's push rules say of an event (client-server API §Push Rules). */
import {
  isJsonArray,
  isJsonInteger,
  isJsonObject,
  type JsonObject,
  type JsonValue,
} from "../../core/json/value.ts"
import { type RuleKind, type Ruleset, ruleKinds } from "./default-rules.ts"
import { globMatches } from "./glob.ts"

/** What conditions look at besides the event. */
export interface RuleContext {
  readonly memberCount: number
  /** Whether who sent the event may notify everybody of such. */
  readonly mayNotify: (key: string) => boolean
}

/** What a user is told of an event. */
export interface Notice {
  readonly isNotified: boolean
  readonly isHighlighted: boolean
}

const nothing: Notice = { isNotified: false, isHighlighted: false }

/** "The first matching rule" of those that are enabled, in the order of the kinds and then of the rules. */
export const noticeOf = (rules: Ruleset, event: JsonObject, context: RuleContext): Notice => {
  for (const kind of ruleKinds) {
    const rule = rules[kind].find((one) => one.enabled !== false && applies(kind, one, event, context))
    if (rule !== undefined) return outcomeOf(rule)
  }
  return nothing
}

const outcomeOf = ({ actions }: JsonObject): Notice => {
  if (!isJsonArray(actions) || !actions.includes("notify")) return nothing
  const highlight = actions.find((action) => isJsonObject(action) && action.set_tweak === "highlight")
  return { isNotified: true, isHighlighted: isJsonObject(highlight) && highlight.value !== false }
}

const applies = (kind: RuleKind, rule: JsonObject, event: JsonObject, context: RuleContext): boolean => {
  if (kind === "room") return event.room_id === rule.rule_id
  if (kind === "sender") return event.sender === rule.rule_id
  if (kind === "content")
    return matches({ kind: "event_match", key: "content.body", pattern: rule.pattern ?? "" }, event, context)
  const { conditions = [] } = rule
  return (
    isJsonArray(conditions) && conditions.every((one) => isJsonObject(one) && matches(one, event, context))
  )
}

/** "Unrecognised conditions MUST NOT match any events." */
const matches = (condition: JsonObject, event: JsonObject, context: RuleContext): boolean => {
  const { kind, key, pattern, value } = condition
  if (kind === "room_member_count") return isCount(condition.is, context.memberCount)
  if (typeof key !== "string") return false
  if (kind === "sender_notification_permission") return context.mayNotify(key)
  const property = propertyAt(event, key)
  if (kind === "event_match")
    return (
      typeof property === "string" &&
      typeof pattern === "string" &&
      globMatches(pattern, property, key === "content.body" ? "words" : "whole")
    )
  if (value === undefined || !isSimple(value)) return false
  if (kind === "event_property_is") return property !== undefined && isSimple(property) && property === value
  if (kind === "event_property_contains") return isJsonArray(property) && property.includes(value)
  return false
}

/** "Non-compound canonical JSON values." */
const isSimple = (value: JsonValue): boolean =>
  value === null || typeof value === "string" || typeof value === "boolean" || isJsonInteger(value)

/** Appendices §Dot-separated property paths. */
const propertyAt = (event: JsonObject, path: string): JsonValue | undefined => {
  let value: JsonValue | undefined = event
  for (const escaped of path.match(/(?:\\[.\\]|[^.])+/g) ?? []) {
    const name = escaped.replaceAll(/\\([.\\])/g, "$1")
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }
  return value
}

const isCount = (is: JsonValue | undefined, count: number): boolean => {
  const [, sign, digits] = (typeof is === "string" ? /^(==|<=|>=|<|>)?([0-9]+)$/.exec(is) : null) ?? []
  if (digits === undefined) return false
  const wanted = Number(digits)
  if (sign === "<") return count < wanted
  if (sign === ">") return count > wanted
  if (sign === "<=") return count <= wanted
  return sign === ">=" ? count >= wanted : count === wanted
}
