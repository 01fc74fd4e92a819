import type { JsonObject } from "../json/value.ts"
import { isJsonObject } from "../json/value.ts"
import type { RoomVersion } from "../room-version.ts"

/** What the selection reads of an event. */
export interface Selecting {
  readonly type: string
  readonly stateKey: string | undefined
  readonly sender: string
  readonly content: JsonObject
}

type StateKey = readonly [type: string, stateKey: string]

const create: StateKey = ["m.room.create", ""]
const powerLevels: StateKey = ["m.room.power_levels", ""]
const joinRules: StateKey = ["m.room.join_rules", ""]

/** The state that an event must cite, where it exists (server-server API §Auth events selection). */
export const authEventKeys = (event: Selecting, version: RoomVersion): readonly StateKey[] => {
  if (event.type === "m.room.create") return []
  const keys: StateKey[] = version.auth.createInAuthEvents === "required" ? [create] : []
  keys.push(powerLevels, ["m.room.member", event.sender])
  if (event.type !== "m.room.member") return keys
  const { content, stateKey } = event
  const membership = content.membership
  if (stateKey !== undefined && stateKey !== event.sender) keys.push(["m.room.member", stateKey])
  if (membership === "join" || membership === "invite" || membership === "knock") keys.push(joinRules)
  const token = membership === "invite" ? invitationToken(content) : undefined
  if (token !== undefined) keys.push(["m.room.third_party_invite", token])
  const authoriser = content.join_authorised_via_users_server
  const isNew = authoriser !== event.sender && authoriser !== stateKey
  if (version.auth.restricted && membership === "join" && typeof authoriser === "string" && isNew) {
    keys.push(["m.room.member", authoriser])
  }
  return keys
}

/** `content.third_party_invite.signed.token`, where it is a string. */
export const invitationToken = (content: JsonObject): string | undefined => {
  const invite = content.third_party_invite
  const signed = isJsonObject(invite) ? invite.signed : undefined
  const token = isJsonObject(signed) ? signed.token : undefined
  return typeof token === "string" ? token : undefined
}
