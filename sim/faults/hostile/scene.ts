/** What a hostile server has to work with: its users in a room, and what the rules let them do. */
import { type Level, PowerLevels, privilegedCreators } from "#spec-impl/core/auth-rules/power-levels.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { compareCodePoints } from "#spec-impl/core/json/encode.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { Draft } from "#spec-impl/homeserver/local-events.ts"
import { reference } from "#spec-impl/homeserver/local-events.ts"
import type { Room } from "#spec-impl/homeserver/rooms.ts"

/** An event before it is signed: what is made of it then, and of what is signed. */
export interface Crafted {
  readonly draft: Omit<Draft, "stateKey"> & { readonly stateKey?: string }
  /** Of the whole event, before its hash is made. */
  readonly change?: (pdu: JsonObject) => JsonObject
  /** Of the signed event. */
  readonly tamper?: (pdu: JsonObject) => JsonObject
  /** Another forbidden event, sent before: what it is cited as. */
  readonly before?: Crafted
}

export class Scene {
  readonly server: string
  readonly room: Room
  readonly levels: PowerLevels
  /** Other rooms that the server is in. */
  readonly elsewhere: readonly Room[]
  readonly #members: ReadonlyMap<string, string>

  constructor(server: string, room: Room, elsewhere: readonly Room[]) {
    this.server = server
    this.room = room
    this.elsewhere = elsewhere
    this.levels = new PowerLevels(this.state("m.room.power_levels"), this.create, room.version)
    this.#members = membersOf(room)
  }

  state(type: string, stateKey = ""): Event | undefined {
    const { dag } = this.room
    return dag.eventIn(dag.currentState(), type, stateKey)
  }

  get create(): Event | undefined {
    return this.state("m.room.create")
  }

  /** The room's levels as they are told. */
  get levelsContent(): JsonObject {
    return this.state("m.room.power_levels")?.content ?? {}
  }

  /** One of the maps in them. */
  levelsMap(name: "users" | "events"): JsonObject {
    const map: JsonValue | undefined = this.levelsContent[name]
    return isJsonObject(map) ? map : {}
  }

  get joinRule(): JsonValue | undefined {
    return this.state("m.room.join_rules")?.content.join_rule
  }

  levelOf(userId: string): Level {
    return this.levels.ofUser(userId)
  }

  /** Whether the user's level is one that can be surpassed. */
  isMortal(userId: string): boolean {
    return !privilegedCreators(this.create, this.room.version).has(userId)
  }

  /** The server's own users with that membership, the most powerful first. */
  own(membership: string): readonly string[] {
    return this.#with(membership, (server) => server === this.server)
  }

  /** Those of all other servers. */
  others(membership: string): readonly string[] {
    return this.#with(membership, (server) => server !== this.server)
  }

  /** The server's most powerful member. */
  get strongest(): string | undefined {
    return this.own("join")[0]
  }

  /** Its least powerful. */
  get weakest(): string | undefined {
    return this.own("join").at(-1)
  }

  /** A user of the server who was never in the room. */
  get stranger(): string {
    return `@stranger:${this.server}`
  }

  /** Other servers with members in the room. */
  get audience(): readonly string[] {
    const servers = new Set(this.others("join").flatMap((userId) => domainOf(userId) ?? []))
    return [...servers].sort(compareCodePoints)
  }

  /** What a user of another server said last. */
  get wordsOfOthers(): Event | undefined {
    return [...this.room.dag.records()].findLast(
      ({ event, verdict }) =>
        event.type === "m.room.message" && verdict === "accepted" && domainOf(event.sender) !== this.server,
    )?.event
  }

  /** How an event of this room, or another, is cited here. */
  cite(event: Event): JsonValue {
    return reference(event, this.room.version)
  }

  /** What once stood where the event does that is there now; undefined where nothing did. */
  formerOf({ type, stateKey, eventId }: Event): Event | undefined {
    const records = [...this.room.dag.records()].filter(
      ({ event, verdict }) =>
        event.type === type &&
        event.stateKey === stateKey &&
        event.eventId !== eventId &&
        verdict === "accepted",
    )
    return records.at(-1)?.event
  }

  #with(membership: string, isMeant: (server: string) => boolean): readonly string[] {
    return [...this.#members]
      .filter(([userId, theirs]) => theirs === membership && isMeant(domainOf(userId) ?? ""))
      .map(([userId]) => userId)
      .sort((a, b) => {
        const [one, other] = [this.levelOf(a), this.levelOf(b)]
        return one > other ? -1 : one < other ? 1 : compareCodePoints(a, b)
      })
  }
}

/** The membership of each user that has one. */
const membersOf = ({ dag }: Room): ReadonlyMap<string, string> => {
  const members = new Map<string, string>()
  for (const eventId of dag.eventIdsIn(dag.currentState())) {
    const event = dag.record(eventId)?.event
    if (event?.type === "m.room.member" && event.stateKey !== undefined) {
      members.set(event.stateKey, String(event.content.membership))
    }
  }
  return members
}
