/** Rooms that shut servers out: a room that is not federated stays where it was made, and whom the ACL denies is answered 403. */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import type { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { serverIsAllowed } from "#spec-impl/core/server-acl.ts"
import type { Check, CheckedWorld } from "./check.ts"

export const borders: Check = {
  name: "borders",
  about: "no event crosses m.federate, and no request that a room's ACL denies is granted",
  watch: (world) => {
    const denied = new Map<string, string>()
    const asked = new Map<string, Asked>()
    return {
      onRecord: ({ kind, fields }) => {
        const id = String(fields[0])
        if (kind === "request") {
          const about = askedFor(fields)
          if (about !== undefined) asked.set(id, about)
        }
        const about = asked.get(id)
        if (about === undefined) return []
        if (kind === "delivered" && isDenied(world, about)) denied.set(id, about.roomId)
        if (kind !== "answer") return []
        asked.delete(id)
        const { source, destination, roomId } = about
        // Denied when it came and when it was answered: in between the list may have changed.
        return fields[1] === "200" && denied.delete(id) && isDenied(world, about)
          ? [`${destination} granted ${source} a request about ${roomId}, whose ACL denies that server`]
          : []
      },
      atEnd: () => world.honest.flatMap((name) => strangersIn(world, name)),
    }
  },
}

interface Asked {
  readonly source: string
  readonly destination: string
  readonly roomId: string
}

/** The endpoints of the specification that say: the receiver must check the ACL (server-server API §Server ACLs). */
const aclEndpoint =
  /^\/_matrix\/federation\/v\d+\/(?:make_join|send_join|make_leave|send_leave|make_knock|send_knock|state|state_ids|backfill|event_auth|get_missing_events)\/([^/?]+)/

const askedFor = (fields: readonly (string | number)[]): Asked | undefined => {
  const roomId = aclEndpoint.exec(String(fields[4]))?.[1]
  return roomId === undefined
    ? undefined
    : { source: String(fields[1]), destination: String(fields[2]), roomId: decodeURIComponent(roomId) }
}

const isDenied = ({ servers }: CheckedWorld, { source, destination, roomId }: Asked): boolean => {
  const room = servers.get(destination)?.rooms.find(roomId)
  return room !== undefined && isDeniedIn(room.dag, source)
}

/** By the list itself, whatever the server makes of it. */
const isDeniedIn = (dag: RoomDag, source: string): boolean => {
  const index = dag.currentState().get(dag.graph.knownKeyIndex("m.room.server_acl", ""))
  const acl = index < 0 ? undefined : dag.redactions.shown(dag.graph.event(index))
  return !serverIsAllowed(acl?.content, source, dag.rules.readings.aclCase)
}

/** Events of other servers in a room that its creator keeps to its own (rooms §Authorization rules, m.federate). */
const strangersIn = ({ servers }: CheckedWorld, name: string): readonly string[] =>
  (servers.get(name)?.rooms.all() ?? []).flatMap(({ roomId, dag }) => {
    const create = dag.create()
    if (create?.content["m.federate"] !== false) return []
    const home = domainOf(create.sender)
    return [...dag.records()]
      .filter(({ event, verdict }) => verdict === "accepted" && domainOf(event.sender) !== home)
      .map(
        ({ event }) =>
          `${name} accepted ${event.eventId} of ${event.sender} in ${roomId}, which is not federated`,
      )
  })
