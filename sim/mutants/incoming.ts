/** Servers that take transactions otherwise. */
import { Context } from "effect"
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { Incoming } from "#spec-impl/homeserver/incoming.ts"
import type { Mutation } from "../world/mutation.ts"

type Receive = Incoming["Service"]["receiveTransaction"]

/** What becomes of a transaction, in terms of what would. Made anew at each boot. */
export const withIncoming =
  (otherwise: (receive: Receive) => Receive): NonNullable<Mutation["services"]> =>
  (services) => {
    const incoming = Context.get(services, Incoming)
    return Context.make(Incoming, { ...incoming, receiveTransaction: otherwise(incoming.receiveTransaction) })
  }

/** The content of an EDU of that kind; undefined of another. */
export const contentOf = (edu: JsonValue, type: string): JsonObject | undefined =>
  isJsonObject(edu) && edu.edu_type === type && isJsonObject(edu.content) ? edu.content : undefined
