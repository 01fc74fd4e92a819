/** What needs more power than its sender has, and levels that nobody may set. */
import type { JsonObject, JsonValue } from "#spec-impl/core/json/value.ts"
import { act, by, type ForbiddenAct, says, stateEvent } from "./act.ts"
import type { Scene } from "./scene.ts"

/** Other levels, set by the server's most powerful user. */
const setting = (
  scene: Scene,
  change: (content: JsonObject, own: number, self: string) => JsonObject | undefined,
) =>
  by(scene.strongest, (sender) => {
    const own = scene.levelOf(sender)
    if (typeof own === "bigint") return undefined
    // Who is above all levels can still set forbidden ones.
    const content = change(scene.levelsContent, Number.isFinite(own) ? own : 1_000, sender)
    return content === undefined ? undefined : stateEvent(sender, "m.room.power_levels", content)
  })

const without = (object: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

const scalars = ["ban", "kick", "redact", "invite", "state_default", "events_default", "users_default"]

/** A key whose level is above that, or not below it. */
const keyWith = (levels: JsonObject, isMeant: (level: JsonValue) => boolean, keys = Object.keys(levels)) =>
  keys.find((key) => levels[key] !== undefined && isMeant(levels[key]))

export const levelActs: readonly ForbiddenAct[] = [
  act("message-of-a-stranger", "sender is not joined", ({ stranger }) => says(stranger, "let me in")),
  act("message-of-the-banned", "sender is not joined", (scene) =>
    by(scene.own("ban")[0], (sender) => says(sender, "let me back in")),
  ),
  act("state-of-a-stranger", "sender is not joined", ({ stranger }) =>
    stateEvent(stranger, "m.room.name", { name: "mine" }),
  ),
  act("third-party-invite-without-power", "sender may not invite", ({ weakest }) =>
    by(weakest, (sender) => stateEvent(sender, "m.room.third_party_invite", { display_name: "x" }, "token")),
  ),
  act("state-without-power", "the type's required level is above sender's", ({ weakest }) =>
    by(weakest, (sender) => stateEvent(sender, "m.room.name", { name: "mine" })),
  ),
  act("join-rules-without-power", "the type's required level is above sender's", ({ weakest }) =>
    by(weakest, (sender) => stateEvent(sender, "m.room.join_rules", { join_rule: "public" })),
  ),
  act("levels-without-power", "the type's required level is above sender's", (scene) =>
    by(scene.weakest, (sender) =>
      stateEvent(sender, "m.room.power_levels", {
        ...scene.levelsContent,
        users: { ...scene.levelsMap("users"), [sender]: 100 },
      }),
    ),
  ),
  act("state-of-another", "the state_key is another user's id", (scene) =>
    by(scene.strongest, (sender) =>
      by(scene.others("join")[0], (target) => stateEvent(sender, "org.example.note", { of: "them" }, target)),
    ),
  ),
  act("aliases-without-a-key", "there is no state_key", ({ strongest }) =>
    by(strongest, (sender) => ({ draft: { type: "m.room.aliases", sender, content: { aliases: [] } } })),
  ),
  act("aliases-of-another", "the state_key is not sender's domain", (scene) =>
    by(scene.strongest, (sender) =>
      by(scene.audience[0], (server) => stateEvent(sender, "m.room.aliases", { aliases: [] }, server)),
    ),
  ),
  act("levels-in-words", "a level is not an integer", (scene) =>
    setting(scene, (content) => ({ ...content, ban: "50" })),
  ),
  act("event-levels-in-words", "events or notifications are not integers by key", (scene) =>
    setting(scene, (content) => ({ ...content, events: { ...scene.levelsMap("events"), x: "50" } })),
  ),
  act("levels-of-nobody", "users is not an object of user ids with levels", (scene) =>
    setting(scene, (content) => ({ ...content, users: { ...scene.levelsMap("users"), nobody: 1 } })),
  ),
  act("levels-of-a-creator", "users names a creator", (scene) =>
    setting(scene, (content) => ({
      ...content,
      users: { ...scene.levelsMap("users"), [scene.create?.sender ?? ""]: 100 },
    })),
  ),
  act("level-lowered-from-above", "a changed level was above sender's", (scene) =>
    setting(scene, (content, own) => {
      const key = keyWith(content, (level) => Number(level) > own, scalars)
      return key === undefined ? undefined : { ...content, [key]: own }
    }),
  ),
  act("level-raised-above", "a changed level is above sender's", (scene) =>
    setting(scene, (content, own) => {
      const key = scalars.find((name) => Number(content[name] ?? 0) <= own)
      return key === undefined ? undefined : { ...content, [key]: own + 1 }
    }),
  ),
  act("event-level-removed-from-above", "a changed or removed event level was above sender's", (scene) =>
    setting(scene, (content, own) => {
      const events = scene.levelsMap("events")
      const key = keyWith(events, (level) => Number(level) > own)
      return key === undefined ? undefined : { ...content, events: without(events, key) }
    }),
  ),
  act("event-level-set-above", "an added or changed event level is above sender's", (scene) =>
    setting(scene, (content, own) => ({
      ...content,
      events: { ...scene.levelsMap("events"), "org.example.note": own + 1 },
    })),
  ),
  act("user-demoted-from-above", "a changed or removed user's level was not below sender's", (scene) =>
    setting(scene, (content, own, self) => {
      const users = scene.levelsMap("users")
      const peer = keyWith(
        users,
        (level) => Number(level) >= own,
        Object.keys(users).filter((id) => id !== self),
      )
      return peer === undefined ? undefined : { ...content, users: without(users, peer) }
    }),
  ),
  act("user-raised-above", "an added or changed user's level is above sender's", (scene) =>
    setting(scene, (content, own, self) => ({
      ...content,
      users: { ...scene.levelsMap("users"), [self]: own + 1 },
    })),
  ),
  act("redaction-without-power", "sender may not redact that event", (scene) =>
    by(scene.weakest, (sender) =>
      by(scene.create?.eventId, (redacts) => ({
        draft: { type: "m.room.redaction", sender, content: {}, redacts },
      })),
    ),
  ),
  act("redaction-of-others-words", undefined, (scene) => {
    const { application, redactsIn } = scene.room.version.redaction
    if (application === "decided-by-auth") return undefined
    return by(scene.weakest, (sender) =>
      by(
        scene.levelOf(sender) < scene.levels.scalar("redact") ? scene.wordsOfOthers?.eventId : undefined,
        (redacts) => ({
          draft: {
            type: "m.room.redaction",
            sender,
            ...(redactsIn === "content" ? { content: { redacts } } : { content: {}, redacts }),
          },
        }),
      ),
    )
  }),
]
