/** The form of the rules: a list as on the page of the room version, numbered by the place in it. */
import type { AuthOutcome } from "./auth-context.ts"
import type { Facts } from "./facts.ts"

/** One rule: it decides, or lets the next one decide. */
export interface Rule {
  /** As a reason: what is so where it decides. */
  readonly says: string
  /** `iff`: "allow if and only if", which decides either way. */
  readonly decision: "allow" | "reject" | "iff"
  /** Left out: it always decides ("Otherwise, …"). */
  readonly when?: (facts: Facts) => boolean
  /** Of an `iff`: what must hold, and what is said where it does not. */
  readonly holds?: (facts: Facts) => boolean
  readonly saysOtherwise?: string
}

/** Rules that concern some events only. */
export interface Family {
  readonly about: string
  readonly when: (facts: Facts) => boolean
  readonly rules: readonly (Rule | Family)[]
}

export const reject = (says: string, when?: (facts: Facts) => boolean): Rule =>
  when === undefined ? { says, decision: "reject" } : { says, decision: "reject", when }

export const allow = (says: string, when?: (facts: Facts) => boolean): Rule =>
  when === undefined ? { says, decision: "allow" } : { says, decision: "allow", when }

export const allowIff = (rule: Required<Omit<Rule, "decision">>): Rule => ({ ...rule, decision: "iff" })

export const family = (
  about: string,
  when: (facts: Facts) => boolean,
  rules: readonly (Rule | Family | false)[],
): Family => ({ about, when, rules: rules.filter((rule) => rule !== false) })

/** A rule with its number: a place in the tree of its version. */
export interface NumberedRule extends Rule {
  readonly number: string
  readonly outcome: AuthOutcome
  /** Of an `iff` that does not hold. */
  readonly otherwise: AuthOutcome
}

/** Rules in the order in which they are tried; a family leads to its own list, and on where that decides nothing. */
export interface NumberedFamily {
  readonly number: string
  readonly when: (facts: Facts) => boolean
  readonly rules: RuleList
}

export type RuleList = readonly (NumberedRule | NumberedFamily)[]

/** Numbers a page's rules: 1, 2, 2.1 … */
export const numbered = (rules: readonly (Rule | Family)[], prefix = ""): RuleList =>
  rules.map((rule, at) => {
    const number = `${prefix}${at + 1}`
    if ("rules" in rule) return { number, when: rule.when, rules: numbered(rule.rules, `${number}.`) }
    const outcome = { allowed: rule.decision !== "reject", rule: number, reason: rule.says }
    const otherwise = { allowed: false, rule: number, reason: rule.saysOtherwise ?? rule.says }
    return { ...rule, number, outcome, otherwise }
  })

const undecided: AuthOutcome = { allowed: false, rule: "none", reason: "no rule decides" }

/** Tries `rules` in order. */
export const decide = (rules: RuleList, facts: Facts): AuthOutcome => firstDecision(rules, facts) ?? undecided

const firstDecision = (rules: RuleList, facts: Facts): AuthOutcome | undefined => {
  for (const rule of rules) {
    if (rule.when !== undefined && !rule.when(facts)) continue
    if ("outcome" in rule)
      return rule.holds === undefined || rule.holds(facts) ? rule.outcome : rule.otherwise
    const outcome = firstDecision(rule.rules, facts)
    if (outcome !== undefined) return outcome
  }
  return undefined
}
