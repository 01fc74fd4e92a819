/** Which thread of a room an event is of (client-server API §Threading). */
import type { Event } from "../../core/event.ts"
import { isJsonObject, type JsonValue } from "../../core/json/value.ts"
import type { RoomDag } from "../../core/room-dag/room-dag.ts"

/** So many relations are followed, as in Synapse: a reaction to an edit of a message of a thread, say. */
const relationsMax = 3

/** The id of the thread's first event, or `main`: an event that relates to one of a thread is of that thread. */
export const threadOf = (dag: RoomDag, event: Event): string => {
  let current: Event | undefined = event
  for (let followed = 0; current !== undefined && followed <= relationsMax; followed++) {
    const relation: JsonValue | undefined = current.content["m.relates_to"]
    if (!isJsonObject(relation) || typeof relation.event_id !== "string") return "main"
    if (relation.rel_type === "m.thread") return relation.event_id
    if (typeof relation.rel_type !== "string") return "main"
    current = dag.record(relation.event_id)?.event
  }
  return "main"
}
