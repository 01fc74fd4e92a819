import { authEventKeys } from "../../auth-rules/auth-events-selection.ts"
import type { AuthContext } from "../../auth-rules/authorise.ts"
import type { Event } from "../../event.ts"
import type { JsonObject } from "../../json/value.ts"
import type { RoomVersion } from "../../room-version.ts"
import { AuthGraph } from "../auth-graph.ts"
import { resolve } from "../resolve.ts"
import { StateMap } from "../state-map.ts"
import { buildEvent } from "./build-event.ts"
import { contextOf } from "./context.ts"

/** What one line of a story says. */
export interface StoryEvent {
  readonly by: string
  readonly type: string
  readonly key?: string
  readonly content: JsonObject
  /** Names of the parents; the line before where it is left out. */
  readonly after?: readonly string[]
  /** Milliseconds; one second after the line before where it is left out. */
  readonly time?: number
  /** One more than the deepest parent's where it is left out. */
  readonly depth?: number
  /** The state before it, as its server has it; the resolution of the parents' where it is left out. */
  readonly before?: StateMap
}

/** A room told line by line: each event is named, built, and applied to the state that its parents make up. */
export class StoryRoom {
  readonly context: AuthContext
  readonly graph: AuthGraph
  readonly #version: RoomVersion
  readonly #events = new Map<string, Event>()
  readonly #states = new Map<string, StateMap>()
  #last: string | undefined
  #time = 0

  constructor(version: RoomVersion) {
    this.#version = version
    this.graph = new AuthGraph(version)
    this.context = contextOf(version)
  }

  /** Tells of a state event under `name`; gives the state after it. */
  tell(name: string, line: StoryEvent): StateMap {
    const after = line.after ?? (this.#last === undefined ? [] : [this.#last])
    const before = line.before ?? this.resolved(...after)
    const draft = { type: line.type, stateKey: line.key ?? "", sender: line.by, content: line.content }
    this.#time = line.time ?? this.#time + 1_000
    const event = buildEvent(this.#version, {
      ...draft,
      authEvents: authEventKeys(draft, this.#version).flatMap((key) => this.#eventIn(before, ...key) ?? []),
      prevEvents: after.map((parent) => this.event(parent)),
      originServerTs: this.#time,
      ...(line.depth !== undefined && { depth: line.depth }),
      ...this.#roomId(line.type),
    })
    this.#events.set(name, event)
    this.#states.set(name, before.set(this.graph, this.graph.add(event)))
    this.#last = name
    return this.state(name)
  }

  event(name: string): Event {
    const event = this.#events.get(name)
    if (event === undefined) throw new Error(`nobody told of ${name}`)
    return event
  }

  /** The state after the event of that name. */
  state(name: string): StateMap {
    return this.#states.get(name) ?? StateMap.empty
  }

  /** `state` with the named event in its place. */
  with(state: StateMap, name: string): StateMap {
    return state.set(this.graph, this.graph.add(this.event(name)))
  }

  /** The resolution of the states after the named events. */
  resolved(...names: readonly string[]): StateMap {
    return this.resolve(names.map((name) => this.state(name)))
  }

  resolve(states: readonly StateMap[]): StateMap {
    return resolve(this.graph, states, this.context)
  }

  /** By what name the event in that place of the state was told, or undefined for none. */
  nameIn(state: StateMap, type: string, key = ""): string | undefined {
    const found = this.#eventIn(state, type, key)
    return [...this.#events].find(([, event]) => event === found)?.[0]
  }

  #eventIn(state: StateMap, type: string, key: string): Event | undefined {
    const index = state.get(this.graph.knownKeyIndex(type, key))
    return index < 0 ? undefined : this.graph.event(index)
  }

  #roomId(type: string): { readonly roomId?: string } {
    if (!this.#version.roomIdIsCreateHash) return { roomId: "!story:s1.example" }
    const create = this.graph.createEvent()
    return type === "m.room.create" || create === undefined ? {} : { roomId: create.roomId }
  }
}
