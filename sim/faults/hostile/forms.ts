/** Second beginnings of a room, and events whose hash or signature is not theirs. */
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { act, by, type ForbiddenAct, says, stateEvent } from "./act.ts"
import type { Scene } from "./scene.ts"

const beginning = (scene: Scene, more: JsonObject, content: JsonObject = {}) =>
  by(scene.strongest, (sender) =>
    stateEvent(
      sender,
      "m.room.create",
      { ...scene.create?.content, creator: sender, ...content },
      "",
      (pdu) => ({
        ...pdu,
        room_id: scene.room.roomId,
        ...more,
      }),
    ),
  )

export const createActs: readonly ForbiddenAct[] = [
  act("create-with-parents", "it has prev_events", (scene) => beginning(scene, {})),
  act("create-for-another-domain", "the room_id is of another domain than sender", (scene) =>
    beginning(scene, { prev_events: [], auth_events: [] }),
  ),
  act("create-of-no-version", "content.room_version is not recognised", (scene) =>
    beginning(scene, { prev_events: [], auth_events: [] }, { room_version: "none" }),
  ),
  act("create-of-no-creator", "content has no creator", (scene) =>
    by(scene.strongest, (sender) =>
      stateEvent(sender, "m.room.create", { room_version: scene.room.version.id }, "", (pdu) => ({
        ...pdu,
        prev_events: [],
        auth_events: [],
      })),
    ),
  ),
  act("create-with-room-id", "it has a room_id", (scene) =>
    beginning(scene, { prev_events: [], auth_events: [] }),
  ),
]

/** Each signature with its first letter changed. */
const forged = (pdu: JsonObject): JsonObject => {
  const { signatures } = pdu
  if (!isJsonObject(signatures)) return pdu
  const spoilt = Object.entries(signatures).map(([server, keys]) => [
    server,
    Object.fromEntries(
      Object.entries(isJsonObject(keys) ? keys : {}).map(([keyId, signature]) => {
        const text = String(signature)
        return [keyId, `${text.startsWith("A") ? "B" : "A"}${text.slice(1)}`]
      }),
    ),
  ])
  return { ...pdu, signatures: Object.fromEntries(spoilt) }
}

export const formActs: readonly ForbiddenAct[] = [
  act("bad-hash", undefined, ({ strongest }) =>
    by(strongest, (sender) => ({
      ...says(sender, "as it was hashed"),
      tamper: (pdu) => ({ ...pdu, content: { msgtype: "m.text", body: "as it was not" } }),
    })),
  ),
  act("bad-signature", undefined, ({ strongest }) =>
    by(strongest, (sender) => ({ ...says(sender, "signed by nobody"), tamper: forged })),
  ),
  act("in-the-name-of-another", undefined, (scene) =>
    by(scene.others("join")[0], (sender) => says(sender, "I never said that")),
  ),
]
