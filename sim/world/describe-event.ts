import type { Event } from "#spec-impl/core/event.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"

const describedLengthMax = 60

/** What a state event says, in a few words for a table; "—" where there is none. */
export const describeEvent = (event: Event | undefined): string => {
  if (event === undefined) return "—"
  const { content } = event
  switch (event.type) {
    case "m.room.join_rules":
      return `${content.join_rule}`
    case "m.room.member":
      return typeof content.displayname === "string"
        ? `${content.membership} as “${content.displayname}”`
        : `${content.membership}`
    case "m.room.power_levels": {
      const users = isJsonObject(content.users) ? Object.entries(content.users) : []
      return users.length === 0
        ? "nobody listed"
        : users.map(([user, level]) => `${user} ${level}`).join(", ")
    }
    case "m.room.topic":
      return `“${content.topic}”`
    case "m.room.name":
      return `“${content.name}”`
    default: {
      const text = canonicalJson(content)
      return text.length > describedLengthMax ? `${text.slice(0, describedLengthMax - 1)}…` : text
    }
  }
}
