/** Whose membership of a room became another one, for those who watch rooms. */
import type { AuthGraph } from "../core/state-resolution/auth-graph.ts"
import { StateMap } from "../core/state-resolution/state-map.ts"
import type { Room, Rooms } from "./rooms.ts"

const nobody: readonly string[] = []

/**
 * Each watcher has one of its own. Not the event that came tells whose it is: where branches meet, a topic can bring back
 * who was banned on one of them, and what builds on an old event makes branches meet without saying so.
 */
export class MembershipChanges {
  readonly #seen = new WeakMap<AuthGraph, StateMap>()

  constructor(rooms: Rooms["Service"]) {
    for (const room of rooms.all()) this.#see(room)
  }

  /** The users of whom the room's state holds another membership event than when this was asked last. */
  since(room: Room): readonly string[] {
    const { graph } = room.dag
    const before = this.#seen.get(graph) ?? StateMap.empty
    if (before === room.dag.currentState()) return nobody
    const now = this.#see(room)
    return StateMap.differences([before, now]).flatMap((key) => {
      const [type, stateKey] = graph.keyOf(key)
      return type === "m.room.member" ? [stateKey] : []
    })
  }

  #see({ dag }: Room): StateMap {
    const state = dag.currentState()
    this.#seen.set(dag.graph, state)
    return state
  }
}
