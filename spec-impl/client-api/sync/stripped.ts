/** Rooms that a user is invited to, or knocks at (client-server API §Stripped state). */
import type { JsonObject, JsonValue } from "../../core/json/value.ts"
import type { StateMap } from "../../core/state-resolution/state-map.ts"
import { strippedState } from "../../homeserver/room-members.ts"
import type { Room } from "../../homeserver/rooms.ts"
import type { OutsideStanding } from "../../store/event-store.ts"

/** The membership of who stands at the door, and the state that it is shown. */
export interface AtTheDoor {
  readonly membership: "invite" | "knock"
  readonly sender: JsonValue
  readonly events: readonly JsonObject[]
}

const strippedEvent = ({ type, sender, state_key: stateKey, content }: JsonObject): JsonObject => ({
  type: type ?? "",
  sender: sender ?? "",
  state_key: stateKey ?? "",
  content: content ?? {},
})

/** In a room that this server is in: by its state; undefined for who is neither invited nor knocking. */
export const atTheDoorOf = ({ dag }: Room, state: StateMap, userId: string): AtTheDoor | undefined => {
  const own = dag.eventIn(state, "m.room.member", userId)
  const membership = own?.content.membership
  if (own === undefined || (membership !== "invite" && membership !== "knock")) return undefined
  const seen = strippedState(dag, membership === "invite" ? own.sender : undefined)
  return {
    membership,
    sender: own.sender,
    events: [...seen, own].map(({ pdu }) => strippedEvent(pdu)),
  }
}

/** In a room that this server is not in: by what another server told. */
export const atTheDoorBy = ({ membership, pdu, roomState }: OutsideStanding): AtTheDoor => ({
  membership,
  sender: pdu.sender ?? "",
  events: [
    ...roomState.filter(({ state_key: key, type }) => !(type === pdu.type && key === pdu.state_key)),
    pdu,
  ].map(strippedEvent),
})
