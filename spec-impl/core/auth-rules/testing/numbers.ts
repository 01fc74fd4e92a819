/** For tests: the numbers of the rules, copied from the page of each room version, not worked out. */
import type { RoomVersion } from "../../room-version.ts"

/** Where the families of rules begin. */
export interface RuleNumbers {
  readonly citations: string
  readonly federate: string
  readonly aliases?: string
  readonly member: string
  readonly authoriser?: string
  readonly join: string
  readonly invite: string
  readonly leave: string
  readonly ban: string
  readonly knock?: string
  readonly unknownMembership: string
  readonly senderJoined: string
  readonly thirdPartyInvite: string
  readonly requiredLevel: string
  readonly foreignStateKey: string
  readonly powerLevels: string
  readonly redaction?: string
  readonly otherwise: string
}

const rooms1And2: RuleNumbers = {
  citations: "2",
  federate: "3",
  aliases: "4",
  member: "5",
  join: "5.2",
  invite: "5.3",
  leave: "5.4",
  ban: "5.5",
  unknownMembership: "5.6",
  senderJoined: "6",
  thirdPartyInvite: "7.1",
  requiredLevel: "8",
  foreignStateKey: "9",
  powerLevels: "10",
  redaction: "11",
  otherwise: "12",
}
const { redaction: _noRedaction, ...withoutRedaction } = rooms1And2
const rooms3To5: RuleNumbers = { ...withoutRedaction, otherwise: "11" }
const room6: RuleNumbers = {
  citations: "2",
  federate: "3",
  member: "4",
  join: "4.2",
  invite: "4.3",
  leave: "4.4",
  ban: "4.5",
  unknownMembership: "4.6",
  senderJoined: "5",
  thirdPartyInvite: "6.1",
  requiredLevel: "7",
  foreignStateKey: "8",
  powerLevels: "9",
  otherwise: "10",
}
const room7: RuleNumbers = { ...room6, knock: "4.6", unknownMembership: "4.7" }
const rooms8To11: RuleNumbers = {
  ...room6,
  authoriser: "4.2.1",
  join: "4.3",
  invite: "4.4",
  leave: "4.5",
  ban: "4.6",
  knock: "4.7",
  unknownMembership: "4.8",
}
const room12: RuleNumbers = {
  citations: "3",
  federate: "4",
  member: "5",
  authoriser: "5.2.1",
  join: "5.3",
  invite: "5.4",
  leave: "5.5",
  ban: "5.6",
  knock: "5.7",
  unknownMembership: "5.8",
  senderJoined: "6",
  thirdPartyInvite: "7.1",
  requiredLevel: "8",
  foreignStateKey: "9",
  powerLevels: "10",
  otherwise: "11",
}

/** The numbers of that version's page. */
export const numbersOf = ({ id }: RoomVersion): RuleNumbers => {
  const number = Number(id)
  if (number <= 2) return rooms1And2
  if (number <= 5) return rooms3To5
  if (number === 6) return room6
  if (number === 7) return room7
  return number <= 11 ? rooms8To11 : room12
}
