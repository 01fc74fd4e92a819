/** Client-server API §Predefined Rules: what every user begins with, as of v1.19. */
import type { JsonObject, JsonValue } from "../../core/json/value.ts"

export const ruleKinds = ["override", "content", "room", "sender", "underride"] as const
export type RuleKind = (typeof ruleKinds)[number]

/** A user's rules, by kind; of each kind first what counts first. */
export type Ruleset = { readonly [K in RuleKind]: readonly JsonObject[] }

const sound = (value: string): JsonObject => ({ set_tweak: "sound", value })
const highlight: JsonObject = { set_tweak: "highlight" }

const match = (key: string, pattern: string): JsonObject => ({ kind: "event_match", key, pattern })
const is = (key: string, value: JsonValue): JsonObject => ({ kind: "event_property_is", key, value })

const rule = (
  name: string,
  conditions: readonly JsonObject[],
  actions: readonly JsonValue[],
  enabled = true,
): JsonObject => ({ rule_id: `.m.rule.${name}`, default: true, enabled, conditions, actions })

const twoMembers: JsonObject = { kind: "room_member_count", is: "2" }

/** Of that user. */
export const defaultRules = (userId: string): Ruleset => ({
  override: [
    rule("master", [], [], false),
    rule("suppress_notices", [match("content.msgtype", "m.notice")], []),
    rule(
      "invite_for_me",
      [match("type", "m.room.member"), match("content.membership", "invite"), match("state_key", userId)],
      ["notify", sound("default")],
    ),
    rule("member_event", [match("type", "m.room.member")], []),
    rule(
      "is_user_mention",
      [{ kind: "event_property_contains", key: "content.m\\.mentions.user_ids", value: userId }],
      ["notify", sound("default"), highlight],
    ),
    rule(
      "is_room_mention",
      [is("content.m\\.mentions.room", true), { kind: "sender_notification_permission", key: "room" }],
      ["notify", highlight],
    ),
    rule("tombstone", [match("type", "m.room.tombstone"), match("state_key", "")], ["notify", highlight]),
    rule("reaction", [match("type", "m.reaction")], []),
    rule("room.server_acl", [match("type", "m.room.server_acl"), match("state_key", "")], []),
    rule("suppress_edits", [is("content.m\\.relates_to.rel_type", "m.replace")], []),
  ],
  content: [],
  room: [],
  sender: [],
  underride: [
    rule("call", [match("type", "m.call.invite")], ["notify", sound("ring")]),
    rule(
      "encrypted_room_one_to_one",
      [twoMembers, match("type", "m.room.encrypted")],
      ["notify", sound("default")],
    ),
    rule("room_one_to_one", [twoMembers, match("type", "m.room.message")], ["notify", sound("default")]),
    rule("message", [match("type", "m.room.message")], ["notify"]),
    rule("encrypted", [match("type", "m.room.encrypted")], ["notify"]),
  ],
})
