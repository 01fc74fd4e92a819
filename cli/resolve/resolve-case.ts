import { performance } from "node:perf_hooks"
import { createHash } from "node:crypto"
import type { AuthContext } from "#spec-impl/core/auth-rules/authorise.ts"
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
  /** The resolution, cold: interning the events and the state sets is part of it. */
  readonly ms: number
}

const indicesOf = (graph: AuthGraph, state: Readonly<Record<string, string>>): readonly number[] => {
  const indices: number[] = []
  for (const key in state) {
    const index = graph.indexOf(state[key]!)
    if (index !== undefined) indices.push(index)
  }
  return indices
}

/** Resolves a case from nothing. Restricted joins count as signed: that was checked on receipt. */
export const resolveCase = (corpusCase: CorpusCase, readings: Readings): ResolvedCase => {
  const context: AuthContext = {
    version: corpusCase.version,
    readings,
    signatures: { restrictedJoinIsSigned: () => true, verify: () => false },
  }
  const start = performance.now()
  const graph = new AuthGraph(corpusCase.version)
  for (const event of corpusCase.events) if (event.stateKey !== undefined) graph.add(event)
  for (const eventId of corpusCase.rejected) {
    const index = graph.indexOf(eventId)
    if (index !== undefined) graph.setRejected(index, true)
  }
  const stateSets = corpusCase.stateSets.map((state) => StateMap.fromEvents(graph, indicesOf(graph, state)))
  const resolved = resolve(graph, stateSets, context)
  const ms = performance.now() - start
  const state: Record<string, string> = {}
  resolved.forEach((index, key) => {
    state[graph.keyOf(key).join("|")] = graph.event(index).eventId
  })
  return { state, sha256: createHash("sha256").update(canonicalJson(state)).digest("hex"), ms }
}
