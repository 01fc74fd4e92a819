/** What a client wants of a sync (client-server API §Filtering: Filter). */
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { type EventFilter, readEventFilter } from "../event-filter.ts"

export interface SyncFilter {
  readonly format: "client" | "federation"
  readonly presence: EventFilter
  readonly accountData: EventFilter
  readonly rooms: {
    /** Whether anything of that room is wanted. */
    readonly wantsRoom: (roomId: string) => boolean
    readonly includeLeave: boolean
    readonly timeline: EventFilter
    readonly state: EventFilter
    readonly ephemeral: EventFilter
    readonly accountData: EventFilter
  }
}

/** Undefined for what is no filter. `event_fields` changes nothing: "a server may include more fields". */
export const readSyncFilter = (json: JsonObject): SyncFilter | undefined => {
  const { room = {}, event_format: format = "client" } = json
  if (!isJsonObject(room) || (format !== "client" && format !== "federation")) return undefined
  const { rooms = null, not_rooms: notRooms = null, include_leave: includeLeave = false } = room
  const ofRooms = readEventFilter({
    ...(rooms === null ? {} : { rooms }),
    ...(notRooms === null ? {} : { not_rooms: notRooms }),
  })
  const presence = readEventFilter(json.presence)
  const accountData = readEventFilter(json.account_data)
  const timeline = readEventFilter(room.timeline)
  const state = readEventFilter(room.state)
  const ephemeral = readEventFilter(room.ephemeral)
  const roomAccountData = readEventFilter(room.account_data)
  if (!presence || !accountData || !ofRooms || !timeline || !state || !ephemeral || !roomAccountData)
    return undefined
  if (typeof includeLeave !== "boolean") return undefined
  return {
    format,
    presence,
    accountData,
    rooms: {
      wantsRoom: ofRooms.wantsRoom,
      includeLeave,
      timeline,
      state,
      ephemeral,
      accountData: roomAccountData,
    },
  }
}
