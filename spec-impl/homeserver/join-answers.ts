/** What a resident server answers to send_join, and what of it the joining server believes. */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { domainOf, isServerName } from "../core/identifiers.ts"
import type { JsonObject } from "../core/json/value.ts"
import type { PolicyServer } from "../core/room-dag/policy-server.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { restrictedJoinSigner } from "../core/signing.ts"
import { FederationClient } from "../federation/client.ts"
import type { MatrixError } from "../federation/matrix-error.ts"
import { isSameEvent, policyServerIn, withAnsweredSignatures } from "./answered-signatures.ts"
import { askAgain } from "./asking-again.ts"
import { badAnswer } from "./failures.ts"
import { ServerIdentity } from "./identity.ts"
import { KeyRing } from "./key-ring.ts"
import type { Room } from "./rooms.ts"
import { beginVetting, type VettedAnswer } from "./vetting.ts"

/** The body of an answer to send_join. */
export interface JoinAnswer {
  readonly state: readonly JsonObject[]
  readonly auth_chain: readonly JsonObject[]
  readonly event?: JsonObject
  readonly members_omitted?: boolean
  readonly servers_in_room?: readonly string[]
}

/** State before a join. */
export interface ToldState {
  /** With its auth chain. */
  readonly events: readonly Event[]
  readonly stateIds: readonly string[]
}

/** What is left of it. */
export interface BelievedAnswer {
  /** The join, signed by all who must. */
  readonly join: Event
  /** What was told if all signatures hold, by which whoever joins may go on while they are verified. */
  readonly offered: ToldState
  /**
   * The very same if they do; else without what fails checks 1 to 3, but for what is to be had whole elsewhere: such
   * events are dropped, the join does not fail; unless the room did not begin as make_join said.
   */
  readonly told: Effect.Effect<ToldState, MatrixError, FederationClient | KeyRing | ServerIdentity>
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
  const offered: ToldState = { events: yield* vetting.offered, stateIds }
  const leftOf = (vetted: VettedAnswer) => {
    const isAll = vetted.damaged.size === 0 && vetted.events.length === offered.events.length
    const left = isAll ? offered : { ...offered, events: vetted.events }
    if (vetted.damaged.size === 0) return Effect.map(checkCreate(left, room.version), () => left)
    // What was offered may have been put into the room by now.
    const asker = { ...room, dag: room.dag.withoutEvents() }
    const whole = withWhole(asker, joined, answer, left, { vetted, via: asked.via, servers })
    return Effect.tap(whole, (state) => checkCreate(state, room.version))
  }
  return {
    join: joined,
    offered,
    told: Effect.flatMap(vetting.vetted, leftOf),
    servers: servers?.filter((server) => server !== serverName),
  } satisfies BelievedAnswer
})

/**
 * What is left of an answer of which something was damaged, and what of that is to be had whole. By its ids the resident
 * tells what else is lacking: the damage may be in what an id is made of. It would name all members where they were left
 * out. What it names in the place of what it told with the join is not taken.
 */
const withWhole = Effect.fnUntraced(function* (
  room: Room,
  join: Event,
  { auth_chain, state }: JoinAnswer,
  left: ToldState,
  asked: {
    readonly vetted: VettedAnswer
    readonly via: string
    readonly servers: readonly string[] | undefined
  },
) {
  const client = yield* FederationClient
  const { vetted, via, servers } = asked
  const question = { params: { roomId: room.roomId }, query: { event_id: join.eventId } }
  const ids = client.call(via, (api) => api.history.stateIds(question))
  const named = servers === undefined ? yield* Effect.orElseSucceed(ids, () => undefined) : undefined
  const wanted =
    named === undefined
      ? [...vetted.damaged.keys(), ...left.events.flatMap(({ authEvents }) => authEvents)]
      : [...named.auth_chain_ids, ...named.pdu_ids]
  const inRoom = new Set(servers ?? serversOf(left))
  const again = yield* askAgain(room, via, inRoom, [...auth_chain, ...state], vetted, wanted)
  const isOfState = new Set(left.stateIds)
  const keys = new Set(left.events.filter(({ eventId }) => isOfState.has(eventId)).map(keyOf))
  const more = again.filter((event) => named?.pdu_ids.includes(event.eventId) && !keys.has(keyOf(event)))
  return {
    events: [...left.events, ...again],
    stateIds: [...new Set([...left.stateIds, ...more.map(({ eventId }) => eventId)])],
  }
})

/** The servers with a member in that state. */
const serversOf = ({ events, stateIds }: ToldState): readonly string[] => {
  const isOfState = new Set(stateIds)
  return events.flatMap(({ eventId, type, stateKey, content }) =>
    type === "m.room.member" && content.membership === "join" && isOfState.has(eventId)
      ? (domainOf(stateKey ?? "") ?? [])
      : [],
  )
}

const keyOf = ({ type, stateKey }: Event): string => JSON.stringify([type, stateKey])

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
  for (const event of state) {
    const key = keyOf(event)
    if ((eventIds.get(key) ?? event.eventId) !== event.eventId) return key
    eventIds.set(key, event.eventId)
  }
  return undefined
}

/** §Joining Rooms: the room must have begun as make_join said. */
const checkCreate = (told: ToldState, version: RoomVersion): Effect.Effect<void, MatrixError> => {
  const create = told.events.find(
    ({ type, stateKey, eventId }) =>
      type === "m.room.create" && stateKey === "" && told.stateIds.includes(eventId),
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
