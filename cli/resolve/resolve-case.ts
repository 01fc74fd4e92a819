import { performance } from "node:perf_hooks"
import type { AuthContext } from "#spec-impl/core/auth-rules/authorise.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import type { Readings } from "#spec-impl/core/readings.ts"
import { AuthGraph } from "#spec-impl/core/state-resolution/auth-graph.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { StateMap } from "#spec-impl/core/state-resolution/state-map.ts"
import type { CorpusCase } from "./corpus.ts"

/** What a case resolves to. */
export interface ResolvedCase {
  /** `type|state_key` → event id. */
  readonly state: Readonly<Record<string, string>>
  /** Hexadecimal, of the canonical JSON of `state`. */
  readonly sha256: string
  /** What the resolution took, interning the parsed events and state sets included. */
  readonly ms: number
}

/**
 * Resolves a case from nothing. Restricted joins count as signed, as was checked on receipt; no corpus holds a
 * third-party invite whose signature would be asked for.
 */
export const resolveCase = (corpusCase: CorpusCase, readings: Readings): ResolvedCase => {
  const { version, events, stateSets, rejected } = corpusCase
  const signatures = { restrictedJoinIsSigned: () => true, verify: () => false }
  const context: AuthContext = { version, readings, signatures }
  const start = performance.now()
  const graph = new AuthGraph(version)
  for (const event of events) graph.add(event)
  for (const index of indicesOf(graph, rejected)) graph.setRejected(index, true)
  const states = stateSets.map((eventIds) => StateMap.fromEvents(graph, indicesOf(graph, eventIds)))
  const resolved = resolve(graph, states, context)
  const ms = performance.now() - start
  const state = stateByKey(graph, resolved)
  return { state, sha256: Buffer.from(sha256(canonicalJson(state))).toString("hex"), ms }
}

const indicesOf = (graph: AuthGraph, eventIds: readonly string[]): readonly number[] =>
  eventIds.map((eventId) => {
    const index = graph.indexOf(eventId)
    if (index === undefined) throw new Error(`${eventId} was not added`)
    return index
  })

const stateByKey = (graph: AuthGraph, state: StateMap): Readonly<Record<string, string>> => {
  const byKey: Record<string, string> = Object.create(null)
  state.forEach((index, key) => {
    byKey[graph.keyOf(key).join("|")] = graph.event(index).eventId
  })
  return byKey
}
