import type { Event } from "../../event.ts"
import type { JsonObject } from "../../json/value.ts"

/** The fields that resolution reads; what is left out is empty, or 0. */
export type BareEvent = Pick<Event, "eventId" | "type" | "sender"> & Partial<Event>

/** An event that no bytes stand behind: for rooms whose ids are names, or too many to hash. */
export const bareEvent = (fields: BareEvent): Event => {
  const content: JsonObject = fields.content ?? {}
  return {
    roomId: "!room:example.com",
    stateKey: "",
    originServerTs: 0,
    depth: 0,
    authEvents: [],
    prevEvents: [],
    redacts: undefined,
    pdu: { type: fields.type, sender: fields.sender, content },
    ...fields,
    content,
  }
}
