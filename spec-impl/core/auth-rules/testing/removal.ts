/**
 * For tests: takes each rule out of a version's list in turn, and tells which can go without a case noticing.
 *
 * Taken out means gone from the list: where it decided, the next rule that applies decides instead, and where
 * none does the event is rejected by no rule. A case notices if the verdict or the rule's number changes.
 */
import type { RoomVersion } from "../../room-version.ts"
import { citationRulesOf, objectionToCitations } from "../citation-rules.ts"
import { Facts } from "../facts.ts"
import { decide, type RuleList } from "../rule.ts"
import { rulesOf, withoutRules } from "../rules-of-version.ts"
import { casesOf } from "./cases.ts"
import { citationCasesOf } from "./citation-cases.ts"
import { contextOf, viewOf } from "./room.ts"

/** The numbers of all rules that can decide. */
export const deciding = (version: RoomVersion): readonly string[] => [
  ...numbersIn(rulesOf(version)),
  ...citationRulesOf(version).map((rule) => rule.number),
]

const numbersIn = (rules: RuleList): readonly string[] =>
  rules.flatMap((rule) => ("outcome" in rule ? [rule.number] : numbersIn(rule.rules)))

/** The rules that no case misses. */
export const survivors = (version: RoomVersion): readonly string[] => [
  ...numbersIn(rulesOf(version)).filter((number) => !isMissed(version, number)),
  ...citationRulesOf(version)
    .map((rule) => rule.number)
    .filter((number) => !isMissedInCitations(version, number)),
]

const isMissed = (version: RoomVersion, number: string): boolean => {
  const rules = rulesOf(without(version, number))
  return casesOf(version).some(({ room, event, allowed, rule }) => {
    const outcome = decide(rules, new Facts(event, viewOf(room), contextOf(version)))
    return outcome.allowed !== allowed || (rule !== undefined && outcome.rule !== rule)
  })
}

const isMissedInCitations = (version: RoomVersion, number: string): boolean => {
  const rules = citationRulesOf(without(version, number))
  return citationCasesOf(version).some(({ event, citations, rule }) => {
    return objectionToCitations(rules, event, citations, contextOf(version))?.rule !== rule
  })
}

const without = (version: RoomVersion, number: string): RoomVersion =>
  withoutRules(version, (rule) => rule.number === number)
