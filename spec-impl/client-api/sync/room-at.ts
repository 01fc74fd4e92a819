/** What the state of a room was here at a position of the past (`homeserver/timeline.ts`). */
import { StateMap } from "../../core/state-resolution/state-map.ts"
import type { Room } from "../../homeserver/rooms.ts"

/**
 * The resolution of the states after the events that nothing followed on at that position. Empty where this server
 * had no part in the room then.
 */
export const stateAt = (room: Room, position: number): StateMap => {
  const { dag, timeline } = room
  if (timeline.lastPosition === 0) return StateMap.empty
  if (timeline.lastPosition <= position) return dag.currentState()
  const tips = tipsAt(room, position)
  return tips.length === 0 ? StateMap.empty : dag.stateBeforeChildOf(tips)
}

/** Goes back from the extremities of now, through what came later, to what was there already. */
const tipsAt = ({ dag, timeline }: Room, position: number): readonly string[] => {
  const positionOf = (eventId: string): number | undefined => {
    const evicted = dag.held.evicted.find(eventId)
    if (evicted >= 0) return dag.held.evicted.position(evicted)
    const record = dag.record(eventId)
    return record === undefined ? undefined : timeline.positionOf(record)
  }
  const wasThere = (eventId: string): boolean => {
    const at = positionOf(eventId)
    return at !== undefined && Math.abs(at) <= position
  }
  const tips = new Set<string>()
  const visited = new Set<string>()
  const waiting = [...dag.forwardExtremities()]
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    if (visited.has(eventId)) continue
    visited.add(eventId)
    if (!dag.isInHistory(eventId)) continue
    if (!wasThere(eventId)) waiting.push(...dag.held.parentsOf(eventId))
    else if (!dag.held.childrenOf(eventId).some(wasThere)) tips.add(eventId)
  }
  return [...tips].sort()
}

/** The events of `now` that are not those of `before`, as indices of the room's graph. */
export const stateChanges = (before: StateMap, now: StateMap): readonly number[] =>
  before === now
    ? []
    : StateMap.differences([before, now]).flatMap((key) => {
        const index = now.get(key)
        return index < 0 ? [] : [index]
      })
