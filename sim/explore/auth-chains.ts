/** What events of a room rest on, as one server holds it. */
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"

export const authChainOf = (dag: RoomDag, eventIds: readonly string[]): ReadonlySet<string> => {
  const chain = new Set<string>()
  const waiting = [...eventIds]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const cited of dag.record(at)?.event.authEvents ?? []) {
      if (chain.has(cited)) continue
      chain.add(cited)
      waiting.push(cited)
    }
  }
  return chain
}
