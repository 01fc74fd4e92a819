/** What the rules ask about an event and the state that it is judged by, each worked out when first asked. */
import type { Event } from "../event.ts"
import { isJsonObject } from "../json/value.ts"
import type { AuthContext, AuthState } from "./auth-context.ts"
import { type Level, PowerLevels, type ScalarLevel } from "./power-levels.ts"

export class Facts {
  readonly event: Event
  readonly state: AuthState
  readonly context: AuthContext
  #levels: PowerLevels | undefined

  constructor(event: Event, state: AuthState, context: AuthContext) {
    this.event = event
    this.state = state
    this.context = context
  }

  get create(): Event | undefined {
    return this.state.get("m.room.create", "")
  }

  get powerLevels(): Event | undefined {
    return this.state.get("m.room.power_levels", "")
  }

  get levels(): PowerLevels {
    this.#levels ??= new PowerLevels(this.powerLevels, this.create, this.context.version)
    return this.#levels
  }

  /** `content.membership` of the event itself, where it is a string. */
  get membership(): string | undefined {
    const membership = this.event.content.membership
    return typeof membership === "string" ? membership : undefined
  }

  /** The target of a membership event. */
  get target(): string {
    return this.event.stateKey ?? ""
  }

  get isSelf(): boolean {
    return this.event.sender === this.event.stateKey
  }

  /** A user who was never a member has left, as far as the rules go. */
  membershipOf(userId: string): string {
    const membership = this.state.get("m.room.member", userId)?.content.membership
    return typeof membership === "string" ? membership : "leave"
  }

  get senderMembership(): string {
    return this.membershipOf(this.event.sender)
  }

  get targetMembership(): string {
    return this.membershipOf(this.target)
  }

  get senderLevel(): Level {
    return this.levels.ofUser(this.event.sender)
  }

  get targetLevel(): Level {
    return this.levels.ofUser(this.target)
  }

  /** Whether the sender reaches the level of that name. */
  senderReaches(name: ScalarLevel): boolean {
    return this.senderLevel >= this.levels.scalar(name)
  }

  /**
   * The join rule. Where there is none, because the state has no m.room.join_rules or that event names none, it
   * is a matter of reading (`no-join-rules`): Synapse and gomatrixserverlib take both for `invite`, ruma neither.
   */
  get joinRule(): string | undefined {
    const rule = this.state.get("m.room.join_rules", "")?.content.join_rule
    if (rule === undefined) return this.context.readings.noJoinRules === "invite" ? "invite" : undefined
    return typeof rule === "string" ? rule : undefined
  }

  /** `content.third_party_invite.signed`, where it is an object. */
  get signedInvitation() {
    const invite = this.event.content.third_party_invite
    const signed = isJsonObject(invite) ? invite.signed : undefined
    return isJsonObject(signed) ? signed : undefined
  }
}
