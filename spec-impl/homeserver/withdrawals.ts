/**
 * An invite that is taken back, or a knock that is refused, while the user's server is not in the room. It cannot judge
 * the event by the room's state, which it does not have; the specification does not say what to believe. This is
 * believed, and ends the user's standing: a leave or ban of the user that
 *
 * - is well-formed, and signed by its sender's server, which is not the user's own;
 * - cites the very invite or knock in its auth_events, as a real one must: an older one cannot be played again;
 * - and is either by a user of the server through which the user stands here (the inviter's, or the one that took the
 *   knock: what that server says is all that is known of the room anyway), or confirmed by it: asked for `make_leave`
 *   it answers 403, since the user is nothing to the room any more. An admin of a third server can take an invite
 *   back, but another server cannot lie it away.
 *
 * Synapse believes what is by the inviter.
 */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf } from "../core/identifiers.ts"
import { FederationClient } from "../federation/client.ts"
import type { OutsideStanding } from "../store/event-store.ts"
import { ServerIdentity } from "./identity.ts"
import { Outside } from "./outside.ts"
import type { Room } from "./rooms.ts"
import { readPdu, vetEvents } from "./vetting.ts"

/** How often the server in between is asked, if it has not heard of the withdrawal yet; and with what pause. */
const asksMax = 3
const pauseMs = 1_000

/** Ends the standing, or says why `event` does not. */
export const receiveWithdrawal = Effect.fnUntraced(function* (
  room: Room,
  event: Event,
  standing: OutsideStanding,
) {
  const outside = yield* Outside
  const { serverName } = yield* ServerIdentity
  const userId = event.stateKey ?? ""
  const problem = unfitness(room, event, standing, serverName)
  if (problem !== undefined) return problem
  const [vetted] = yield* vetEvents(room, [event])
  if (vetted === undefined || "problem" in vetted) return vetted?.problem ?? "not verified"
  const isByNeighbour = domainOf(event.sender) === standing.via
  const doubt = isByNeighbour ? undefined : yield* askNeighbour(standing.via, room.roomId, userId)
  if (doubt !== undefined) return doubt
  // Meanwhile the user may have gone in, or have been invited anew.
  if (outside.standingOf(userId, room.roomId) === standing) yield* outside.end(userId, room.roomId)
  return undefined
})

const unfitness = (
  room: Room,
  { type, sender, content, authEvents }: Event,
  { pdu, membership }: OutsideStanding,
  serverName: string,
): string | undefined => {
  if (type !== "m.room.member" || (content.membership !== "leave" && content.membership !== "ban")) {
    return "not in that room"
  }
  if (domainOf(sender) === serverName) return "it is of this server, which did not send it"
  const before = readPdu(pdu, room, { checkReferenceCounts: false })
  return "event" in before && authEvents.includes(before.event.eventId)
    ? undefined
    : `it does not cite the ${membership} that it would end`
}

/** Undefined where the user is nothing to the room any more by what that server says, else what speaks against it. */
const askNeighbour = Effect.fnUntraced(function* (via: string, roomId: string, userId: string) {
  const client = yield* FederationClient
  const ask = client
    .call(via, (api) => api.rooms.makeLeave({ params: { roomId, userId } }))
    .pipe(
      Effect.as("still"),
      Effect.catchTag("MatrixError", ({ status, message }) =>
        Effect.succeed(status === 403 ? undefined : message),
      ),
      Effect.catchTag("FederationUnreachable", ({ message }) => Effect.succeed(message)),
    )
  let answer = yield* ask
  for (let asked = 1; answer === "still" && asked < asksMax; asked++) {
    yield* Effect.sleep(pauseMs)
    answer = yield* ask
  }
  return answer === undefined ? undefined : `${via} does not confirm it: ${answer}`
})
