/** What a hostile server does: an event that breaks one rule, and no other before it. */
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { Crafted, Scene } from "./scene.ts"

export interface ForbiddenAct {
  readonly name: string
  /**
   * What the rule says that it breaks, as the rule has it (`core/auth-rules/`); undefined where it is no rule that
   * a server which holds all that is cited can be asked about.
   */
  readonly breaks: string | undefined
  /** Undefined where the room has nothing to break it by. */
  readonly craft: (scene: Scene) => Crafted | undefined
}

export const act = (
  name: string,
  breaks: string | undefined,
  craft: ForbiddenAct["craft"],
): ForbiddenAct => ({ name, breaks, craft })

/** Crafted by one of the server's users, if there is such a one. */
export const by = (sender: string | undefined, craft: (sender: string) => Crafted | undefined) =>
  sender === undefined ? undefined : craft(sender)

export const stateEvent = (
  sender: string,
  type: string,
  content: JsonObject,
  stateKey = "",
  change?: Crafted["change"],
): Crafted => ({
  draft: { type, sender, content, stateKey },
  ...(change === undefined ? {} : { change }),
})

export const member = (sender: string, target: string, membership: string, more: JsonObject = {}): Crafted =>
  stateEvent(sender, "m.room.member", { ...more, membership }, target)

export const says = (sender: string, body: string): Crafted => ({
  draft: { type: "m.room.message", sender, content: { msgtype: "m.text", body } },
})
