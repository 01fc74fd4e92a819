/**
 * The rules of each room version, in the order and with the numbers of its page (rooms §Authorisation rules).
 *
 * Numbers are places in the lists as a browser shows them: where the source of room 12's page skips 3.4 and
 * says "10." twice, the rendered page, which people cite, counts on.
 */

import { roomIdOfCreate } from "../event-id.ts"
import { domainOf, isUserId } from "../identifiers.ts"
import { isJsonArray } from "../json/value.ts"
import { type RoomVersion, roomVersion } from "../room-version.ts"
import { citationRulesOf, setCitationRules } from "./citation-rules.ts"
import type { Facts } from "./facts.ts"
import { memberRules } from "./member-rules.ts"
import { powerLevelsRules } from "./power-levels-rules.ts"
import {
  allow,
  allowIff,
  type Family,
  family,
  type NumberedRule,
  numbered,
  type Rule,
  type RuleList,
  reject,
} from "./rule.ts"

/** The rules of a version as numbered lists; the family on auth_events is there for its number only. */
export const rulesOf = (version: RoomVersion): RuleList => {
  const known = lists.get(version)
  if (known !== undefined) return known
  const list = numbered(page(version))
  lists.set(version, list)
  return list
}

const lists = new WeakMap<RoomVersion, RuleList>()

/**
 * A version like that one without the rules that `isLeftOut` says: where one of them decided the next that applies
 * does, and where none does the event is rejected by no rule. For mutants, and for tests of who would miss a rule.
 */
export const withoutRules = (
  version: RoomVersion,
  isLeftOut: (rule: Pick<NumberedRule, "number" | "says">) => boolean,
): RoomVersion => {
  const derived: RoomVersion = { ...version }
  lists.set(derived, listWithout(rulesOf(version), isLeftOut))
  setCitationRules(
    derived,
    citationRulesOf(version).filter((rule) => !isLeftOut(rule)),
  )
  return derived
}

const listWithout = (
  rules: RuleList,
  isLeftOut: (rule: Pick<NumberedRule, "number" | "says">) => boolean,
): RuleList =>
  rules
    .filter((rule) => !("outcome" in rule && isLeftOut(rule)))
    .map((rule) => ("outcome" in rule ? rule : { ...rule, rules: listWithout(rule.rules, isLeftOut) }))

const page = (version: RoomVersion): readonly (Rule | Family)[] => {
  const { auth } = version
  return [
    createRules(version),
    ...(version.roomIdIsCreateHash ? [roomIdRule] : []),
    citationsPlace,
    federateRule,
    ...(auth.aliasesRule ? [aliasesRules] : []),
    memberRules(auth),
    reject("sender is not joined", (facts) => facts.senderMembership !== "join"),
    thirdPartyInviteRules,
    reject("the type's required level is above sender's", ({ event, levels, senderLevel }) => {
      return levels.required(event.type, event.stateKey !== undefined) > senderLevel
    }),
    reject("the state_key is another user's id", ({ event }) => {
      return event.stateKey?.startsWith("@") === true && event.stateKey !== event.sender
    }),
    powerLevelsRules(auth),
    ...(version.redaction.application === "decided-by-auth" ? [redactionRules] : []),
    allow("nothing speaks against it"),
  ]
}

const createRules = (version: RoomVersion): Family =>
  family("m.room.create", ({ event }) => event.type === "m.room.create", [
    reject("it has prev_events", ({ event }) => event.prevEvents.length > 0),
    version.roomIdIsCreateHash
      ? reject("it has a room_id", ({ event }) => event.pdu.room_id !== undefined)
      : reject("the room_id is of another domain than sender", ({ event }) => {
          return domainOf(event.roomId) !== domainOf(event.sender)
        }),
    reject("content.room_version is not recognised", namesUnknownVersion),
    version.auth.creator === "content" &&
      reject("content has no creator", ({ event }) => event.content.creator === undefined),
    version.auth.privilegedCreators &&
      reject("additional_creators is not a list of user ids", ({ event }) => {
        const additional = event.content.additional_creators
        if (additional === undefined) return false
        const isUser = (user: unknown): boolean => typeof user === "string" && isUserId(user)
        return !isJsonArray(additional) || !additional.every(isUser)
      }),
    allow("the room begins"),
  ])

/** A derived version's own id is recognised as well as the specification's. */
const namesUnknownVersion = ({ event, context }: Facts): boolean => {
  const named = event.content.room_version
  if (named === undefined || named === context.version.id) return false
  return typeof named !== "string" || roomVersion(named) === undefined
}

const roomIdRule = reject("the room_id is not that of an accepted create event", ({ event, create }) => {
  return create === undefined || roomIdOfCreate(create.eventId) !== event.roomId
})

/** Rule 2 (3 in room 12) is decided by `authoriseCitations`; here it keeps its place in the count. */
const citationsPlace = family("auth_events", () => false, [])

/** Synapse takes the flag and whom it concerns otherwise (`m-federate`). */
const federateRule = reject("the room does not federate, and sender is of another server", (facts) => {
  const { create, event, context } = facts
  if (create === undefined) return false
  const flag = create.content["m.federate"]
  const isStranger = (userId: string): boolean => domainOf(userId) !== domainOf(create.sender)
  if (context.readings.federateFlag === "false-only") return flag === false && isStranger(event.sender)
  const isTargeted = event.type === "m.room.member" && isStranger(facts.target)
  return flag !== undefined && flag !== true && (isStranger(event.sender) || isTargeted)
})

const aliasesRules = family("m.room.aliases", ({ event }) => event.type === "m.room.aliases", [
  reject("there is no state_key", ({ event }) => event.stateKey === undefined),
  reject("the state_key is not sender's domain", ({ event }) => domainOf(event.sender) !== event.stateKey),
  allow("a server may list its aliases"),
])

const thirdPartyInviteRules = family(
  "m.room.third_party_invite",
  ({ event }) => event.type === "m.room.third_party_invite",
  [
    allowIff({
      when: () => true,
      holds: (facts) => facts.senderReaches("invite"),
      says: "sender may invite",
      saysOtherwise: "sender may not invite",
    }),
  ],
)

/** Rooms 1 and 2: rule 11. */
const redactionRules = family("m.room.redaction", ({ event }) => event.type === "m.room.redaction", [
  allow("sender may redact", (facts) => facts.senderReaches("redact")),
  allow("the event is of the redaction's own server", ({ event }) => {
    return event.redacts !== undefined && domainOf(event.redacts) === domainOf(event.eventId)
  }),
  reject("sender may not redact that event"),
])
