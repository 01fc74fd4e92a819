/** Servers that do not tell what they hold, or do not answer at all. */
import { Schema } from "effect"
import { isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import type { Treatment } from "../../network/disturbances.ts"
import type { RequestFacts } from "../../network/request-facts.ts"
import { drawServer, drawShare, drawSome } from "../draws.ts"
import { type Draws, defineFault, type FaultWorld, faultKey } from "../fault.ts"
import { Names, optional, requestFields, Share, wanted, withDefault } from "../fields.ts"
import { errorAnswer } from "../network/http-errors.ts"
import { onRequests } from "../strikes.ts"
import { idIn, roomAsked, withLists } from "./told.ts"

const byFields = {
  servers: wanted(Names, "the servers that do so"),
  towards: optional(Names, "all", "the servers that they do it to"),
  rooms: requestFields.rooms,
}

interface By {
  readonly fault: string
  readonly id?: string
  readonly servers: readonly string[]
  readonly towards?: readonly string[]
  readonly rooms?: readonly string[]
}

/** Does that to what those servers are asked at those endpoints. */
const answering = (
  world: FaultWorld,
  { fault, id, servers, towards, rooms }: By,
  endpoints: readonly string[],
  treat: (facts: RequestFacts) => Treatment | undefined,
) => {
  const isMeant = onRequests(world, {
    direction: "both",
    endpoints,
    ...(rooms === undefined ? {} : { rooms }),
  })
  return world.network.disturb({
    name: id ?? fault,
    treat: ({ facts }) => {
      const { source, destination } = facts.request
      const isBy = servers.includes(destination) && (towards === undefined || towards.includes(source))
      return isBy && isMeant(facts) ? treat(facts) : undefined
    },
  })
}

/** The types of events that the authorisation of others rests on (server-server API §Auth events selection). */
const authTypes: ReadonlySet<string> = new Set([
  "m.room.create",
  "m.room.join_rules",
  "m.room.member",
  "m.room.power_levels",
  "m.room.third_party_invite",
])

/** The type of an event that any room of that server holds; of one PDU, what it says. */
const typeOf = (
  said: JsonValue,
  { servers }: FaultWorld,
  { destination }: WireRequest,
): string | undefined => {
  if (isJsonObject(said)) return typeof said.type === "string" ? said.type : undefined
  for (const { dag } of servers.get(destination)?.rooms.all() ?? []) {
    const record = dag.record(String(said))
    if (record !== undefined) return record.event.type
  }
  return undefined
}

const historyEndpoints = ["event", "get_missing_events", "backfill"]
const chainEndpoints = ["event", "event_auth", "state_ids", "state", "send_join"]

export const withheldEvents = defineFault({
  name: "withheld-events",
  family: "protocol",
  standsFor:
    "a server that has lost some events, or does not want others to have them: it leaves them out of the history, or " +
    "of auth chains, and knows nothing of them when it is asked for one",
  fields: {
    ...byFields,
    what: withDefault(
      Schema.Literals(["events", "auth-events"]),
      "events",
      "`auth-events`: those that others rest on, in auth chains; `events`: all others, in the history",
    ),
    share: withDefault(Share, 0.2, "the part of such events that it withholds, the same ones each time"),
  },
  draw: (draws, servers) => ({
    fault: "withheld-events",
    servers: drawSome(draws, servers),
    what: draws.pick(["events", "auth-events"] as const, "what"),
    share: drawShare(draws, 0.05, 0.6),
  }),
  apply: (world, fault) => {
    const ofAuth = fault.what === "auth-events"
    const isWithheld = (said: JsonValue, eventId: string, request: WireRequest): boolean =>
      authTypes.has(typeOf(said, world, request) ?? "") === ofAuth &&
      world.kernel.chance.chance(fault.share, ...faultKey(fault), request.destination, eventId)
    return answering(world, fault, ofAuth ? chainEndpoints : historyEndpoints, (facts) => {
      const asked = /\/event\/([^/]+)$/.exec(facts.path)?.[1]
      if (asked !== undefined) {
        return isWithheld(asked, asked, facts.request) ? { reply: errorAnswer(404) } : undefined
      }
      return {
        alterReply: (response, request) => {
          const room = roomAsked(world, request)
          if (room === undefined) return response
          const isLeft = (said: JsonValue) => !isWithheld(said, idIn(said, room) ?? "", request)
          const names = ofAuth ? ["auth_chain", "auth_chain_ids"] : ["events", "pdus"]
          return withLists(response, (list) => list.filter(isLeft), ...names)
        },
      }
    })
  },
})

const refusable = [
  "state_ids",
  "state",
  "event",
  "event_auth",
  "get_missing_events",
  "backfill",
  "make_join",
  "send_join",
  "invite",
  "user/devices",
  "query",
] as const

export const refusedEndpoint = defineFault({
  name: "refused-endpoint",
  family: "protocol",
  standsFor:
    "a server that does not serve an endpoint, or does not to some: a worker is down, an administrator forbids it",
  fields: {
    ...byFields,
    endpoints: wanted(Names, "beginnings of paths, as they stand behind the version"),
    status: withDefault(
      Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 })),
      403,
      "the status that it answers",
    ),
  },
  draw: (draws: Draws, servers) => ({
    fault: "refused-endpoint",
    servers: [drawServer(draws, servers)],
    endpoints: [draws.pick(refusable, "endpoint")],
    status: draws.pick([403, 404, 500] as const, "status"),
  }),
  apply: (world, fault) => {
    const reply = errorAnswer(fault.status)
    return answering(world, fault, fault.endpoints, () => ({ reply }))
  },
})

export const policyServerUnreachable = defineFault({
  name: "policy-server-unreachable",
  family: "protocol",
  standsFor: "a policy server that does not answer: nobody can say anything in the rooms that ask it",
  fields: { servers: optional(Names, "all", "the policy servers") },
  draw: (draws, servers) =>
    draws.chance(0.5, "all")
      ? { fault: "policy-server-unreachable" }
      : { fault: "policy-server-unreachable", servers: [drawServer(draws, servers)] },
  apply: (world, { fault, id, servers }) =>
    world.network.disturb({
      name: id ?? fault,
      treat: ({ facts: { path, request } }) =>
        path.startsWith("/_matrix/policy/") &&
        (servers === undefined || servers.includes(request.destination))
          ? { fails: { reason: "unreachable", afterMs: 100 } }
          : undefined,
    }),
})

export const identityServerUnreachable = defineFault({
  name: "identity-server-unreachable",
  family: "protocol",
  standsFor:
    "an identity server that does not answer: nobody is invited by address, and no binding is told of",
  fields: { servers: optional(Names, "all", "the identity servers") },
  draw: () => ({ fault: "identity-server-unreachable" }),
  apply: (world, { fault, id, servers }) =>
    world.network.disturb({
      name: id ?? fault,
      treat: ({ facts: { path, request } }) => {
        const isAsked =
          path.startsWith("/_matrix/identity/") &&
          (servers === undefined || servers.includes(request.destination))
        const tells = servers?.includes(request.source) ?? path.endsWith("/3pid/onbind")
        return isAsked || tells ? { fails: { reason: "unreachable", afterMs: 100 } } : undefined
      },
    }),
})
