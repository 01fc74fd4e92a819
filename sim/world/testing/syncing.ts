/** For tests: a device that syncs, from where it was. */
import { Effect } from "effect"
import type { Client } from "./client.ts"

/** An event as it is told, whatever it is of. */
export interface ToldEvent {
  readonly type: string
  readonly sender?: string
  readonly state_key?: string
  readonly content: Readonly<Record<string, unknown>>
  readonly [more: string]: unknown
}

interface Told {
  readonly events: readonly ToldEvent[]
}

/** A room of any section, as an answer has it. */
export interface ToldRoom {
  readonly timeline: Told & { readonly limited?: boolean; readonly prev_batch?: string }
  readonly state: Told
  readonly state_after: Told
  readonly invite_state: Told
  readonly knock_state: Told
  readonly ephemeral: Told
  readonly account_data: Told
  readonly summary: unknown
  readonly unread_notifications: unknown
}

type Section = Readonly<Record<string, ToldRoom>>

interface Answer {
  readonly next_batch: string
  readonly rooms?: Readonly<Record<string, Section>>
  readonly presence?: Told
  readonly account_data?: Told
  readonly to_device?: Told
  readonly device_lists?: { readonly changed: readonly string[]; readonly left: readonly string[] }
  readonly device_one_time_keys_count?: unknown
  readonly device_unused_fallback_key_types?: unknown
}

/** What an answer of `/sync` says, with nothing where it says nothing. */
export interface Synced {
  readonly json: Answer
  readonly joined: (roomId: string) => SyncedRoom
  readonly section: (name: "join" | "invite" | "knock" | "leave") => Section
  readonly events: (name: "presence" | "account_data" | "to_device") => readonly ToldEvent[]
}

export interface SyncedRoom {
  /** Undefined where nothing of the room is told. */
  readonly json: ToldRoom | undefined
  readonly timeline: readonly ToldEvent[]
  readonly state: readonly ToldEvent[]
  /** The bodies of the messages, in order. */
  readonly bodies: readonly unknown[]
  /** The content of the ephemeral event of that type. */
  readonly ephemeral: (type: string) => unknown
}

export class Syncing {
  readonly client: Client
  /** The last `next_batch`. */
  since: string | undefined

  constructor(client: Client) {
    this.client = client
  }

  /** The next sync; `query` says what else is asked. */
  next(query: Readonly<Record<string, string>> = {}): Effect.Effect<Synced> {
    const parameters = new URLSearchParams({
      set_presence: "offline",
      ...(this.since === undefined ? {} : { since: this.since }),
      ...query,
    })
    return Effect.map(this.client.get(`/sync?${parameters}`), ({ status, body }) => {
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
      this.since = String(body.next_batch)
      return syncedOf(body as unknown as Answer)
    })
  }
}

const syncedOf = (json: Answer): Synced => ({
  json,
  section: (name) => json.rooms?.[name] ?? {},
  events: (name) => json[name]?.events ?? [],
  joined: (roomId) => {
    const room = json.rooms?.join?.[roomId]
    const timeline = room?.timeline.events ?? []
    return {
      json: room,
      timeline,
      state: (room?.state ?? room?.state_after)?.events ?? [],
      bodies: timeline.flatMap(({ type, content }) => (type === "m.room.message" ? [content.body] : [])),
      ephemeral: (type) => room?.ephemeral.events.find((event) => event.type === type)?.content,
    }
  },
})
