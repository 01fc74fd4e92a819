/** Check 7: the signature of the room's policy server (server-server API §Policy servers). */
import { decodeBase64 } from "../base64.ts"
import type { Event } from "../event.ts"
import { domainOf } from "../identifiers.ts"
import { isJsonObject, type JsonObject } from "../json/value.ts"
import type { AuthGraph } from "../state-resolution/auth-graph.ts"
import type { StateMap } from "../state-resolution/state-map.ts"
import { viewOfState } from "./auth-views.ts"

/** A policy server as the state of its room names it. */
export interface PolicyServer {
  readonly via: string
  /** Empty where the room's key is no base64: then nothing verifies. */
  readonly publicKey: Uint8Array
}

/**
 * The policy server that a room uses (§Determining if a Policy Server is enabled in a room): `m.room.policy` has
 * strings for `via` and `public_keys.ed25519`, and a user of `via` is joined, or in partial state `via` is said to have
 * one. Undefined where it uses none.
 */
export const policyServerOf = (
  graph: AuthGraph,
  state: StateMap,
  presumedServers?: ReadonlySet<string>,
): PolicyServer | undefined => {
  const event = viewOfState(graph, state).get("m.room.policy", "")
  const named = policyServerNamedBy(event?.content)
  if (event === undefined || named === undefined || presumedServers?.has(named.via)) return named
  const known = found.get(state)
  if (known?.event === event) return known.isThere ? named : undefined
  let isThere = false
  state.forEach((index) => {
    const { type, stateKey, content: membership } = graph.event(index)
    const isJoin = type === "m.room.member" && membership.membership === "join"
    if (isJoin && domainOf(stateKey ?? "") === named.via) isThere = true
  })
  found.set(state, { event, isThere })
  return isThere ? named : undefined
}

/** By the copy of the policy event that was read: a better one may come. */
const found = new WeakMap<StateMap, { readonly event: Event; readonly isThere: boolean }>()

/** What the content of an `m.room.policy` says; undefined where that is nothing. */
export const policyServerNamedBy = (content: JsonObject | undefined): PolicyServer | undefined => {
  const via = content?.via
  const keys = content?.public_keys
  const key = isJsonObject(keys) ? keys.ed25519 : undefined
  return typeof via === "string" && typeof key === "string"
    ? { via, publicKey: decodeBase64(key) ?? new Uint8Array(0) }
    : undefined
}

/** The event by which a room names its policy server is not put before it. */
export const isPolicyEvent = ({ type, stateKey }: Event): boolean =>
  type === "m.room.policy" && stateKey === ""
