/** What a resident server answers to send_join, and what of it the joining server believes. */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { isServerName } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { PolicyServer } from "../core/room-dag/policy-server.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import type { MatrixError } from "../federation/matrix-error.ts"
import { isSameEvent, policyServerIn, withAnsweredSignatures } from "./answered-signatures.ts"
import { badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { KeyRing } from "./key-ring.ts"
import type { Room } from "./rooms.ts"
import { beginVetting } from "./vetting.ts"

/** The body of an answer to send_join. */
export interface JoinAnswer {
  readonly state: readonly JsonObject[]
  readonly auth_chain: readonly JsonObject[]
  readonly event?: JsonObject
  readonly members_omitted?: boolean
  readonly servers_in_room?: readonly string[]
}

/** What is left of it. */
export interface BelievedAnswer {
  /** The join, signed by all who must. */
  readonly join: Event
  /**
   * State and auth chain if all signatures hold, by which whoever joins may go on while they are verified; held against
   * `events` once that is done.
   */
  readonly offered: readonly Event[]
  /**
   * The same without what fails checks 1 to 3: such events are dropped, the join does not fail; unless the room did not
   * begin as make_join said.
   */
  readonly events: Effect.Effect<readonly Event[], MatrixError>
  /** Ids of the state before the join. */
  readonly stateIds: readonly string[]
  /** Where memberships were left out of it, the servers in the room but for this one. */
  readonly servers: readonly string[] | undefined
}

/** Fails with 502 where the answer is of no use; another server may give a better one. */
export const believe = Effect.fnUntraced(function* (
  room: Room,
  join: Event,
  answer: JoinAnswer,
  asked: { readonly via: string; readonly omitMembers: boolean },
) {
  const { serverName } = yield* ServerIdentity
  const vetting = yield* beginVetting(room)
  yield* vetting.read(answer.auth_chain)
  const state = yield* vetting.read(answer.state)
  const joined = yield* signedByAll(room, join, answer.event, asked.via, policyServerIn(state))
  const doubled = doubledKey(state)
  if (doubled !== undefined)
    return yield* badAnswer(`the state before the join has two events for ${doubled}`)
  const stateIds = [...new Set(state.map(({ eventId }) => eventId))]
  const servers = yield* serversIn(answer, asked)
  return {
    join: joined,
    offered: yield* vetting.offered,
    events: Effect.tap(vetting.vetted, (events) => checkCreate(events, stateIds, room.version)),
    stateIds,
    servers: servers?.filter((server) => server !== serverName),
  } satisfies BelievedAnswer
})

/**
 * The join as this server made it, with what the resident server had to add. Where a user of another server had to let
 * the user in that is the signature of that server (§send_join), and without it the answer is of no use; elsewhere it
 * may be that of the room's policy server, which the resident had to ask.
 */
const signedByAll = Effect.fnUntraced(function* (
  room: Room,
  join: Event,
  answered: JsonObject | undefined,
  via: string,
  policyServer: PolicyServer | undefined,
) {
  const signer = room.version.auth.restricted ? restrictedJoinSigner(join) : undefined
  if (answered === undefined || !isSameEvent(room, join, answered)) {
    if (signer === undefined) return join
    if (answered === undefined)
      return yield* badAnswer(`${via} did not give the join back that it had to sign`)
    return yield* badAnswer(`${via} gave another event back than the join that it got`)
  }
  const signers = signer === undefined ? [] : [signer]
  const signed = yield* withAnsweredSignatures(room, join, answered, { signers, policyServer })
  if (signer === undefined) return signed
  if (!(yield* (yield* KeyRing).restrictedJoinSignature(signed, room.version))) {
    return yield* badAnswer(`${via} gave the join back without the signature of who lets the user in`)
  }
  room.dag.noteSignedRestrictedJoin(signed.eventId)
  return signed
})

const doubledKey = (state: readonly Event[]): string | undefined => {
  const eventIds = new Map<string, string>()
  for (const { type, stateKey, eventId } of state) {
    const key = JSON.stringify([type, stateKey])
    if ((eventIds.get(key) ?? eventId) !== eventId) return key
    eventIds.set(key, eventId)
  }
  return undefined
}

/** §Joining Rooms: the room must have begun as make_join said. */
const checkCreate = (
  events: readonly Event[],
  stateIds: readonly string[],
  version: RoomVersion,
): Effect.Effect<void, MatrixError> => {
  const create = events.find(
    ({ type, stateKey, eventId }) =>
      type === "m.room.create" && stateKey === "" && stateIds.includes(eventId),
  )
  return create !== undefined && (create.content.room_version ?? "1") === version.id
    ? Effect.void
    : Effect.fail(badAnswer(`the room's create event is missing, or not of version ${version.id}`))
}

const serversIn = Effect.fnUntraced(function* (
  { members_omitted: isPartial, servers_in_room: servers }: JoinAnswer,
  { via, omitMembers }: { readonly via: string; readonly omitMembers: boolean },
) {
  if (isPartial !== true) return undefined
  if (!omitMembers) return yield* badAnswer(`${via} left members out, and was not asked to`)
  if (servers === undefined)
    return yield* badAnswer(`${via} left members out, and does not say who is in the room`)
  return [...new Set([via, ...servers])].filter(isServerName)
})
