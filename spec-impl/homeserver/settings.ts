import { Context, Layer } from "effect"
import type { Event } from "../core/event.ts"
import type { Readings } from "../core/readings.ts"
import { readingsDefault } from "../core/readings.ts"
import { RoomDag } from "../core/room-dag/room-dag.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { roomVersions } from "../core/room-version.ts"
import { type Resolve, resolve } from "../core/state-resolution/resolve.ts"

/**
 * Why a policy server will not recommend an event that `asker` puts before it, or undefined where it will
 * (server-server API §Policy Servers: what it looks at is its own business).
 */
export type Policy = (event: Event, asker: string) => string | undefined

/** How this homeserver reads the specification, and the seams at which a mutant or a memo may stand. */
export interface HomeserverSettings {
  readonly readings: Readings
  readonly roomVersions: readonly RoomVersion[]
  /** State resolution; the simulator shares its results between virtual servers. */
  readonly resolve: Resolve
  /** What keeps the graph of a room. */
  readonly roomDag: typeof RoomDag
  /** Whether endpoints that the specification has removed are still answered. */
  readonly legacyEndpoints: boolean
  /** Whether this server's users may be invited at all (§PUT …/invite). */
  readonly acceptsInvites: boolean
  /** The server name, with a port or without, that others are sent to for this server (§Resolving server names). */
  readonly delegatedTo?: string
  /** Whether other servers may look up the profiles of this server's users. */
  readonly answersProfileQueries: boolean
  /** The first wait after a destination failed, doubled at each further failure up to the second. */
  readonly retryMsMin: number
  readonly retryMsMax: number
  /** How many events `/get_missing_events` is asked for (Synapse asks 10, Dendrite 20). */
  readonly missingEventsLimit: number
  /** How long an event that comes before its parents waits for another request to bring them, before they are asked for. */
  readonly parentsWaitMs: number
  /** Servers that are asked, in turn, for the keys of servers that do not answer themselves. */
  readonly notaries: readonly string[]
  /** Whether they are asked for keys that prove events before the servers themselves, of many at once, as Synapse does. */
  readonly notariesFirst: boolean
  /** What a policy server thinks of events; without it this server is none. */
  readonly policy: Policy | undefined
  /** How many events one server may put before a policy server in a minute. */
  readonly policyRequestsPerMinuteMax: number
  /** Whether it joins rooms without being told all memberships first, as Synapse does (`omit_members`). */
  readonly partialStateJoins: boolean
  /** Above this share of unknown events `/state` is asked instead of each `/event`. */
  readonly fullStateShareMin: number
  /** Whether media is given and fetched with signed requests first, as since v1.11; else as before it. */
  readonly authenticatedMedia: boolean
  /** Media that came to this server at this instant or later is no longer given without a signature: the freeze. */
  readonly mediaFreezeTs: number
  /** Where this server's media is to be had instead of here, as `<url>/<media id>`: a delivery network. */
  readonly mediaRedirectUrl: string | undefined
  /** The size of one file: of a user's upload, or of what is taken from another server. */
  readonly mediaBytesMax: number
  /** All that one user may upload, and how many files it may announce that are not there yet. */
  readonly mediaBytesOfUserMax: number
  readonly mediaPendingMax: number
  /** What is kept of other servers' media. */
  readonly mediaCacheBytesMax: number
  /** How long a request for media waits at most for an upload. */
  readonly mediaTimeoutMsMax: number
  /** Of each server. */
  readonly mediaRequestsPerMinuteMax: number
  /** The largest image of which thumbnails are made. */
  readonly thumbnailPixelsMax: number
  /**
   * How many messages of rooms' histories are held in memory, on the whole: of those beyond, the oldest are read where
   * they are kept when somebody asks for them.
   */
  readonly heldMessagesMax: number
  /** Whether anybody may register an account (client-server API §POST /register). */
  readonly enableRegistration: boolean
}

export const homeserverSettingsDefault: HomeserverSettings = {
  readings: readingsDefault,
  roomVersions,
  resolve,
  roomDag: RoomDag,
  legacyEndpoints: true,
  acceptsInvites: true,
  answersProfileQueries: true,
  retryMsMin: 1_000,
  retryMsMax: 300_000,
  missingEventsLimit: 10,
  parentsWaitMs: 0,
  notaries: [],
  notariesFirst: false,
  policy: undefined,
  policyRequestsPerMinuteMax: 600,
  partialStateJoins: false,
  fullStateShareMin: 0.5,
  authenticatedMedia: true,
  mediaFreezeTs: Number.POSITIVE_INFINITY,
  mediaRedirectUrl: undefined,
  mediaBytesMax: 50 * 1_048_576,
  mediaBytesOfUserMax: 1_024 * 1_048_576,
  mediaPendingMax: 5,
  mediaCacheBytesMax: 1_024 * 1_048_576,
  mediaTimeoutMsMax: 60_000,
  mediaRequestsPerMinuteMax: 600,
  thumbnailPixelsMax: 32_000_000,
  heldMessagesMax: Number.POSITIVE_INFINITY,
  enableRegistration: false,
}

/** The settings of this homeserver. */
export class Settings extends Context.Service<Settings, HomeserverSettings>()("netsplit/Settings") {
  /** The defaults, with what `overrides` says otherwise. */
  static readonly layer = (overrides: Partial<HomeserverSettings>) =>
    Layer.succeed(Settings, { ...homeserverSettingsDefault, ...overrides })
}
