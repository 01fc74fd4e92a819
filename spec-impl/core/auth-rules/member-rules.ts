/** The rules on m.room.member: 5 in rooms 1–5 and 12, 4 in rooms 6–11. */
import { decodeBase64 } from "../base64.ts"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts"
import type { AuthVersion } from "../room-version.ts"
import { jsonSignatureChecks } from "../signing.ts"
import { invitationToken } from "./auth-events-selection.ts"
import type { Facts } from "./facts.ts"
import { creatorOf } from "./power-levels.ts"
import { allow, allowIff, type Family, family, reject } from "./rule.ts"

export const memberRules = (auth: AuthVersion): Family =>
  family("m.room.member", ({ event }) => event.type === "m.room.member", [
    reject("there is no state_key, or no membership", (facts) => {
      return facts.event.stateKey === undefined || facts.event.content.membership === undefined
    }),
    auth.restricted &&
      family("join_authorised_via_users_server", hasAuthoriser, [
        reject(
          "the server of join_authorised_via_users_server did not sign the event",
          ({ event, context }) => !context.signatures.restrictedJoinIsSigned(event),
        ),
      ]),
    joinRules(auth),
    inviteRules,
    leaveRules(auth),
    banRules,
    auth.knock && knockRules(auth),
    reject("the membership is unknown"),
  ])

/** That only joins are asked for the signature is a matter of reading (`restricted-join-signature`). */
const hasAuthoriser = ({ event, membership, context }: Facts): boolean =>
  Object.hasOwn(event.content, "join_authorised_via_users_server") &&
  (membership === "join" || context.readings.restrictedJoinSignature === "any-membership")

const senderIsNotJoined = reject("sender is not joined", (facts) => facts.senderMembership !== "join")

const joinRules = (auth: AuthVersion): Family =>
  family("join", (facts) => facts.membership === "join", [
    allow("the creator joins the new room", isCreatorsFirstJoin),
    reject("sender joins somebody else", (facts) => !facts.isSelf),
    reject("sender is banned", (facts) => facts.senderMembership === "ban"),
    allow(
      "sender is invited or joined",
      (facts) =>
        (facts.joinRule === "invite" || (auth.knock && facts.joinRule === "knock")) &&
        isInvitedOrJoined(facts),
    ),
    auth.restricted &&
      family(
        "restricted",
        ({ joinRule }) =>
          joinRule === "restricted" || (auth.knockRestricted && joinRule === "knock_restricted"),
        [
          allow("sender is invited or joined", isInvitedOrJoined),
          reject("join_authorised_via_users_server may not invite", (facts) => !isAuthorisedJoin(facts)),
          allow("join_authorised_via_users_server lets sender in"),
        ],
      ),
    allow("the room is public", (facts) => facts.joinRule === "public"),
    reject("the join rule does not let sender in"),
  ])

const isInvitedOrJoined = ({ senderMembership }: Facts): boolean =>
  senderMembership === "invite" || senderMembership === "join"

/** The only parent is the create event, and the creator joins: content.creator, or the sender (rooms 11+). */
const isCreatorsFirstJoin = ({ event, create, context }: Facts): boolean =>
  create !== undefined &&
  event.prevEvents.length === 1 &&
  event.prevEvents[0] === create.eventId &&
  event.stateKey === creatorOf(create, context.version)

const isAuthorisedJoin = (facts: Facts): boolean => {
  const authoriser = facts.event.content.join_authorised_via_users_server
  return (
    typeof authoriser === "string" &&
    facts.membershipOf(authoriser) === "join" &&
    facts.levels.ofUser(authoriser) >= facts.levels.scalar("invite")
  )
}

const inviteRules = family("invite", (facts) => facts.membership === "invite", [
  family("third-party invite", ({ event }) => Object.hasOwn(event.content, "third_party_invite"), [
    reject("target is banned", (facts) => facts.targetMembership === "ban"),
    reject("third_party_invite has no signed", (facts) => facts.signedInvitation === undefined),
    reject("signed has no mxid or no token", ({ signedInvitation }) => {
      const present = (key: string): boolean => signedInvitation?.[key] !== undefined
      return !present("mxid") || !present("token")
    }),
    reject("mxid is not the target", (facts) => facts.signedInvitation?.mxid !== facts.event.stateKey),
    reject("there is no such third-party invite", (facts) => invitationOf(facts) === undefined),
    reject(
      "sender did not make the third-party invite",
      (facts) => invitationOf(facts)?.sender !== facts.event.sender,
    ),
    allow("the third-party invite is signed", isSignedInvitation),
    reject("no signature matches a key of the third-party invite"),
  ]),
  senderIsNotJoined,
  reject("target is joined or banned", ({ targetMembership }) => {
    return targetMembership === "join" || targetMembership === "ban"
  }),
  allow("sender may invite", (facts) => facts.senderReaches("invite")),
  reject("sender may not invite"),
])

const invitationOf = ({ state, event }: Facts) => {
  const token = invitationToken(event.content)
  return token === undefined ? undefined : state.get("m.room.third_party_invite", token)
}

/**
 * Any signature by any key, in either base64 alphabet (matrix-spec#2060). Synapse tries but the first signature with
 * each key, which is a matter of reading (`third-party-signatures`).
 */
function isSignedInvitation(facts: Facts): boolean {
  const signed = facts.signedInvitation
  const invitation = invitationOf(facts)
  if (signed === undefined || invitation === undefined) return false
  const keys = invitationKeys(invitation.content)
  const signers = isJsonObject(signed.signatures) ? Object.keys(signed.signatures) : []
  const checks = signers.flatMap((server) => jsonSignatureChecks(signed, server))
  const { signatures, readings } = facts.context
  const tried = readings.thirdPartySignatures === "any" ? checks : checks.slice(0, 1)
  return tried.some(({ message, signature }) =>
    keys.some((key) => signatures.verify(key, message, signature)),
  )
}

const invitationKeys = (content: JsonObject): readonly Uint8Array[] => {
  const listed = content.public_keys
  const keys: (JsonValue | undefined)[] = [content.public_key]
  if (isJsonArray(listed)) {
    for (const entry of listed) keys.push(isJsonObject(entry) ? entry.public_key : undefined)
  }
  return keys.flatMap((key) => (typeof key === "string" ? (decodeBase64(key) ?? []) : []))
}

const leaveRules = (auth: AuthVersion): Family =>
  family("leave", (facts) => facts.membership === "leave", [
    allowIff({
      when: (facts) => facts.isSelf,
      holds: (facts) => isInvitedOrJoined(facts) || (auth.knock && facts.senderMembership === "knock"),
      says: "sender leaves",
      saysOtherwise: "sender has nothing to leave",
    }),
    senderIsNotJoined,
    reject(
      "target is banned, and sender may not unban",
      (facts) => facts.targetMembership === "ban" && !facts.senderReaches("ban"),
    ),
    allow("sender may kick target", (facts) => {
      return facts.senderReaches("kick") && facts.targetLevel < facts.senderLevel
    }),
    reject("sender may not kick target"),
  ])

const banRules = family("ban", (facts) => facts.membership === "ban", [
  senderIsNotJoined,
  allow("sender may ban target", (facts) => {
    return facts.senderReaches("ban") && facts.targetLevel < facts.senderLevel
  }),
  reject("sender may not ban target"),
])

const knockRules = (auth: AuthVersion): Family =>
  family("knock", (facts) => facts.membership === "knock", [
    reject("the room is not for knocking", ({ joinRule }) => {
      return joinRule !== "knock" && !(auth.knockRestricted && joinRule === "knock_restricted")
    }),
    reject("sender knocks for somebody else", (facts) => !facts.isSelf),
    allow("sender may knock", ({ senderMembership, context }) => {
      const isWelcome = senderMembership === "invite" && context.readings.knockAfterInvite === "forbidden"
      return senderMembership !== "ban" && senderMembership !== "join" && !isWelcome
    }),
    reject("sender is banned, invited or joined"),
  ])
