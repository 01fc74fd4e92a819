/** Client-server API §Push Rules: which events a user is told of, by the specification's own examples. */
import { describe, expect, it } from "vitest"
import type { JsonObject } from "../../core/json/value.ts"
import { defaultRules } from "./default-rules.ts"
import { noticeOf, type RuleContext } from "./evaluate.ts"
import { globMatches } from "./glob.ts"

describe("a pattern", () => {
  it("matches all of a value, whatever the case", () => {
    for (const text of ["Lunch plans", "LUNCH"]) expect(globMatches("lunc?*", text, "whole")).toBe(true)
    for (const text of [" lunch", "lunc"]) expect(globMatches("lunc?*", text, "whole")).toBe(false)
  })

  it("matches words of a body", () => {
    for (const text of ["An example event.", "exple", "An exciting triple-whammy"])
      expect(globMatches("ex*ple", text, "words")).toBe(true)
    for (const text of ["An examples", "complex triples", "exampl"])
      expect(globMatches("ex*ple", text, "words")).toBe(false)
  })

  it("of many wildcards takes no longer than it must", () => {
    expect(globMatches(`${"a*".repeat(100)}b`, "a".repeat(20_000), "words")).toBe(false)
  })
})

const alice = "@alice:s1"
const context: RuleContext = { memberCount: 3, mayNotify: () => false }
const message = (content: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: "m.room.message",
  sender: "@bob:s2",
  room_id: "!room",
  content,
  ...more,
})
const own = (kind: "override" | "content" | "room" | "sender", rule: JsonObject) => ({
  ...defaultRules(alice),
  [kind]: [{ enabled: true, actions: ["notify", { set_tweak: "highlight" }], ...rule }],
})
const told = { isNotified: true, isHighlighted: false }
const highlighted = { isNotified: true, isHighlighted: true }
const untold = { isNotified: false, isHighlighted: false }

describe("the server's rules", () => {
  const notice = (event: JsonObject, more = context) => noticeOf(defaultRules(alice), event, more)

  it("tell of messages, and not of notices, edits, reactions and members", () => {
    expect(notice(message({ body: "hello" }))).toEqual(told)
    expect(notice(message({ msgtype: "m.notice" }))).toEqual(untold)
    expect(notice(message({ "m.relates_to": { rel_type: "m.replace" } }))).toEqual(untold)
    expect(notice({ type: "m.reaction", content: {} })).toEqual(untold)
    expect(notice({ type: "m.room.topic", state_key: "", content: {} })).toEqual(untold)
    const member = { type: "m.room.member", state_key: "@carol:s2", content: { membership: "invite" } }
    expect(notice(member)).toEqual(untold)
    expect(notice({ ...member, state_key: alice })).toEqual(told)
  })

  it("highlight what mentions the user, or all by who may", () => {
    expect(notice(message({ "m.mentions": { user_ids: [alice] } }))).toEqual(highlighted)
    expect(notice(message({ "m.mentions": { user_ids: ["@other:s1"] } }))).toEqual(told)
    const all = message({ "m.mentions": { room: true } })
    expect(notice(all)).toEqual(told)
    expect(notice(all, { ...context, mayNotify: (key) => key === "room" })).toEqual(highlighted)
    expect(notice({ type: "m.room.tombstone", state_key: "", content: {} })).toEqual(highlighted)
  })
})

describe("a user's rules", () => {
  it("count first, each kind by what it is of", () => {
    const event = message({ body: "I like cake" })
    expect(noticeOf(own("content", { pattern: "cake" }), event, context)).toEqual(highlighted)
    expect(noticeOf(own("content", { pattern: "cak" }), event, context)).toEqual(told)
    expect(noticeOf(own("room", { rule_id: "!room", actions: [] }), event, context)).toEqual(untold)
    expect(noticeOf(own("sender", { rule_id: "@bob:s2" }), event, context)).toEqual(highlighted)
    expect(noticeOf(own("sender", { rule_id: "@bob:s2", enabled: false }), event, context)).toEqual(told)
  })

  it("match by their conditions, and never by one that is not known", () => {
    const of = (condition: JsonObject, memberCount = 3) =>
      noticeOf(own("override", { conditions: [condition] }), message({ body: "x", "a.b": 1 }), {
        ...context,
        memberCount,
      })
    expect(of({ kind: "room_member_count", is: ">=3" })).toEqual(highlighted)
    expect(of({ kind: "room_member_count", is: "<3" })).toEqual(told)
    expect(of({ kind: "event_property_is", key: "content.a\\.b", value: 1 })).toEqual(highlighted)
    expect(of({ kind: "event_property_is", key: "content.a\\.b", value: "1" })).toEqual(told)
    expect(of({ kind: "event_match", key: "content.nothing", pattern: "*" })).toEqual(told)
    expect(of({ kind: "org.example.unknown" })).toEqual(told)
  })
})
