import { Context, Layer } from "effect"
import type { Event } from "../core/event.ts"
import type { Readings } from "../core/readings.ts"
import { readingsDefault } from "../core/readings.ts"
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
  /** Servers that are asked, in turn, for the keys of servers that do not answer themselves. */
  readonly notaries: readonly string[]
  /** What a policy server thinks of events; without it this server is none. */
  readonly policy: Policy | undefined
  /** How many events one server may put before a policy server in a minute. */
  readonly policyRequestsPerMinuteMax: number
  /** Whether it joins rooms without being told all memberships first, as Synapse does (`omit_members`). */
  readonly partialStateJoins: boolean
  /** Above this share of unknown events `/state` is asked instead of each `/event`. */
  readonly fullStateShareMin: number
}

export const homeserverSettingsDefault: HomeserverSettings = {
  readings: readingsDefault,
  roomVersions,
  resolve,
  legacyEndpoints: true,
  acceptsInvites: true,
  answersProfileQueries: true,
  retryMsMin: 1_000,
  retryMsMax: 300_000,
  missingEventsLimit: 10,
  notaries: [],
  policy: undefined,
  policyRequestsPerMinuteMax: 600,
  partialStateJoins: false,
  fullStateShareMin: 0.5,
}

/** The settings of this homeserver. */
export class Settings extends Context.Service<Settings, HomeserverSettings>()("netsplit/Settings") {
  /** The defaults, with what `overrides` says otherwise. */
  static readonly layer = (overrides: Partial<HomeserverSettings>) =>
    Layer.succeed(Settings, { ...homeserverSettingsDefault, ...overrides })
}
