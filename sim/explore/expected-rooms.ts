/**
 * What a plan makes of its rooms, if all that it says is done and heard by all: who is in, and who may do what. It knows
 * the authorisation rules roughly, and no fault: what is drawn with it in mind is mostly possible, and mostly is enough.
 */
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import type { Action } from "./actions/catalogue.ts"
import { allDevices } from "./actions/devices.ts"

type Membership = "join" | "invite" | "knock" | "leave" | "ban"
type Levels = Record<string, number>
type Create = Extract<Action, { readonly act: "create" }>

/** What is asked for where no power levels say otherwise (client-server API §m.room.power_levels). */
const askedOtherwise: Levels = { invite: 0, kick: 50, ban: 50, redact: 50, state_default: 50 }

class ExpectedRoom {
  members = new Map<string, Membership>()
  joinRule: string
  allow: readonly string[] = []
  levels: Levels
  eventLevels: Levels = {}
  asked: Levels = askedOtherwise
  isReplaced = false
  readonly #creator: string
  readonly #isAlone: boolean
  readonly #auth

  readonly #create: Create

  constructor(create: Create) {
    const { user, version, joinRule, levels, federate } = create
    this.#create = create
    this.#creator = user
    this.#isAlone = federate === false
    this.#auth = roomVersion(version)?.auth
    this.joinRule = joinRule ?? "public"
    this.levels = { ...levels, [user]: this.#auth?.privilegedCreators ? Number.POSITIVE_INFINITY : 100 }
    this.members.set(user, "join")
  }

  copy(): ExpectedRoom {
    const { members, joinRule, allow, levels, eventLevels, asked, isReplaced } = this
    const copied = new ExpectedRoom(this.#create)
    return Object.assign(copied, {
      members: new Map(members),
      joinRule,
      allow,
      levels,
      eventLevels,
      asked,
      isReplaced,
    })
  }

  isIn(user: string): boolean {
    return this.members.get(user) === "join"
  }

  levelOf(user: string): number {
    return this.levels[user] ?? 0
  }

  /** Whether that user is in and has the power that the act asks for. */
  mayAct(user: string, act: string): boolean {
    return this.isIn(user) && this.levelOf(user) >= this.asked[act]!
  }

  maySet(user: string, type: string): boolean {
    return this.isIn(user) && this.levelOf(user) >= (this.eventLevels[type] ?? this.asked.state_default!)
  }

  hasServer(server: string): boolean {
    return [...this.members].some(([user, membership]) => membership === "join" && domainOf(user) === server)
  }

  /** Whether users of that server may be in at all. */
  isOpenTo(user: string): boolean {
    return !this.#isAlone || domainOf(user) === domainOf(this.#creator)
  }

  /** Whether the room's version has that join rule. */
  knows(rule: string): boolean {
    if (rule === "knock") return this.#auth?.knock === true
    if (rule === "restricted") return this.#auth?.restricted === true
    return rule === "knock_restricted" ? this.#auth?.knockRestricted === true : true
  }
}

/** The rooms and devices of a plan, entry by entry. */
export class ExpectedRooms {
  readonly #rooms: Map<string, ExpectedRoom>
  readonly #devices: Set<string>

  constructor(
    rooms: ReadonlyMap<string, ExpectedRoom> = new Map(),
    devices: ReadonlySet<string> = new Set(),
  ) {
    this.#rooms = new Map(rooms)
    this.#devices = new Set(devices)
  }

  /** As it is now: what is expected from then on of the one is not of the other. */
  copy(): ExpectedRooms {
    return new ExpectedRooms(
      new Map([...this.#rooms].map(([name, room]) => [name, room.copy()])),
      this.#devices,
    )
  }

  /** Whether it can be done by what was done so far. */
  isPossible(action: Action): boolean {
    if (!("room" in action)) return this.#mayUseDevice(action)
    if (action.act === "create") return true
    const room = this.#rooms.get(action.room)
    return room?.isOpenTo(action.user) === true && this.#mayDo(action, room)
  }

  /** Notes that it was done. */
  expect(action: Action): void {
    switch (action.act) {
      case "create":
        this.#rooms.set(action.room, new ExpectedRoom(action))
        return
      case "upgrade":
        this.#upgrade(action)
        return
      case "add-device":
        this.#devices.add(`${action.user} ${action.device}`)
        return
      case "delete-device":
        this.#devices.delete(`${action.user} ${action.device}`)
        return
    }
    const room = "room" in action ? this.#rooms.get(action.room) : undefined
    if (room !== undefined) changeRoom(room, action)
  }

  #mayUseDevice(action: Action): boolean {
    switch (action.act) {
      case "rename-device":
      case "delete-device":
        return this.#devices.has(`${action.user} ${action.device}`)
      case "send-to-device":
        return action.targetDevice === allDevices
          ? [...this.#devices].some((device) => device.startsWith(`${action.target} `))
          : this.#devices.has(`${action.target} ${action.targetDevice}`)
      case "claim-keys":
        return this.#devices.has(`${action.target} ${action.targetDevice}`)
      default:
        return true
    }
  }

  #mayDo(action: Action, room: ExpectedRoom): boolean {
    const { user } = action
    const own = room.members.get(user)
    switch (action.act) {
      case "join":
        return own !== "join" && own !== "ban" && this.#lets(room, user) && hasWay(room, action)
      case "knock":
        return (
          (own === undefined || own === "leave") &&
          room.joinRule.startsWith("knock") &&
          room.knows(room.joinRule) &&
          hasWay(room, action)
        )
      case "leave":
        return own === "join" || own === "invite" || own === "knock"
      case "upgrade":
        return !room.isReplaced && room.maySet(user, "m.room.tombstone")
      default:
        return mayActInside(action, room)
    }
  }

  #lets(room: ExpectedRoom, user: string): boolean {
    if (room.joinRule === "public" || room.members.get(user) === "invite") return true
    const isRestricted = room.joinRule.endsWith("restricted") && room.knows(room.joinRule)
    return isRestricted && room.allow.some((name) => this.#rooms.get(name)?.isIn(user) === true)
  }

  /** §Room upgrades: who may move over gets the same power there. */
  #upgrade({ user, room: name, version, as }: Extract<Action, { readonly act: "upgrade" }>): void {
    const old = this.#rooms.get(name)
    if (old === undefined) return
    old.isReplaced = true
    const { joinRule, levels } = old
    const next = new ExpectedRoom({ act: "create", user, room: as, version, levels })
    next.joinRule = joinRule
    next.allow = old.allow
    this.#rooms.set(as, next)
  }
}

/** A server that is in already needs no other one. */
const hasWay = (room: ExpectedRoom, { user, via = [] }: { user: string; via?: readonly string[] }): boolean =>
  room.hasServer(domainOf(user) ?? "") || via.some((server) => room.hasServer(server))

const stateSet: Readonly<Record<string, string>> = {
  "set-join-rule": "m.room.join_rules",
  "set-acl": "m.room.server_acl",
  "set-topic": "m.room.topic",
  "set-name": "m.room.name",
  "set-history-visibility": "m.room.history_visibility",
}

/** Who can be removed: members, and those whose invite or knock is taken back or turned down so. */
const present: ReadonlySet<Membership | undefined> = new Set(["join", "invite", "knock"] as const)

const mayActInside = (action: Action, room: ExpectedRoom): boolean => {
  const { user } = action
  switch (action.act) {
    case "invite": {
      const target = room.members.get(action.target)
      const isOutside = target === undefined || target === "leave" || target === "knock"
      return isOutside && room.isOpenTo(action.target) && room.mayAct(user, "invite")
    }
    case "kick":
      return (
        present.has(room.members.get(action.target)) &&
        isAbove(room, user, action.target) &&
        room.mayAct(user, "kick")
      )
    case "ban":
      return (
        room.members.get(action.target) !== "ban" &&
        isAbove(room, user, action.target) &&
        room.mayAct(user, "ban")
      )
    case "unban":
      return room.members.get(action.target) === "ban" && room.mayAct(user, "ban")
    case "set-levels":
      return room.maySet(user, "m.room.power_levels") && mayGive(room, action)
    case "set-join-rule":
      return room.knows(action.rule) && room.maySet(user, "m.room.join_rules")
    case "set-state":
      return room.maySet(user, action.type)
    default: {
      const type = stateSet[action.act]
      return type === undefined ? room.isIn(user) : room.maySet(user, type)
    }
  }
}

const isAbove = (room: ExpectedRoom, user: string, target: string): boolean =>
  user !== target && room.levelOf(user) > room.levelOf(target)

/** Rule 9: nobody gives or takes more than they have, nor takes it from their equals. */
const mayGive = (
  room: ExpectedRoom,
  { user, users = {}, events = {}, asked = {} }: Extract<Action, { readonly act: "set-levels" }>,
): boolean => {
  const own = room.levelOf(user)
  return (
    Object.entries(users).every(
      ([target, level]) =>
        level <= own &&
        room.levelOf(target) < Number.POSITIVE_INFINITY &&
        (target === user || room.levelOf(target) < own),
    ) && [...Object.values(events), ...Object.values(asked)].every((level) => level <= own)
  )
}

const changeRoom = (room: ExpectedRoom, action: Action): void => {
  switch (action.act) {
    case "join":
      room.members.set(action.user, "join")
      return
    case "knock":
      room.members.set(action.user, "knock")
      return
    case "leave":
      room.members.set(action.user, "leave")
      return
    case "invite":
      room.members.set(action.target, "invite")
      return
    case "ban":
      room.members.set(action.target, "ban")
      return
    case "kick":
    case "unban":
      room.members.set(action.target, "leave")
      return
    case "set-join-rule":
      room.joinRule = action.rule
      room.allow = action.allow ?? []
      return
    case "set-levels":
      room.levels = { ...room.levels, ...action.users }
      room.eventLevels = { ...room.eventLevels, ...action.events }
      room.asked = { ...room.asked, ...action.asked }
  }
}
