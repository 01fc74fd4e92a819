/** auth_events and prev_events that an event must not have. */
import { isJsonArray, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { act, by, type ForbiddenAct, says, stateEvent } from "./act.ts"
import type { Crafted, Scene } from "./scene.ts"

const listOf = (pdu: JsonObject, name: "auth_events" | "prev_events"): readonly JsonValue[] => {
  const list = pdu[name]
  return isJsonArray(list) ? list : []
}

/** A message of the server's strongest user that cites otherwise. */
const citing = (
  scene: Scene,
  change: (cited: readonly JsonValue[]) => readonly JsonValue[] | undefined,
): Crafted | undefined =>
  by(scene.strongest, (sender) => ({
    ...says(sender, "by what right?"),
    change: (pdu) => ({ ...pdu, auth_events: [...(change(listOf(pdu, "auth_events")) ?? [])] }),
  }))

const isSame = (one: JsonValue, other: JsonValue): boolean => JSON.stringify(one) === JSON.stringify(other)

/** A message hung on the history before an event, which is judged by the state there. */
const beforeEvent = (scene: Scene, sender: string, eventId: string): Crafted | undefined => {
  const { dag } = scene.room
  const event = dag.record(eventId)?.event
  if (event === undefined) return undefined
  const parents = event.prevEvents.flatMap((id) => dag.record(id)?.event ?? [])
  const state = dag.stateBeforeChildOf(event.prevEvents)
  const keys: readonly (readonly [string, string])[] = [
    ...(scene.room.version.auth.createInAuthEvents === "required" ? [["m.room.create", ""] as const] : []),
    ["m.room.power_levels", ""],
    ["m.room.member", sender],
  ]
  const cited = keys.flatMap(([type, stateKey]) => dag.eventIn(state, type, stateKey) ?? [])
  return {
    ...says(sender, "I was never banned"),
    change: (pdu) => ({
      ...pdu,
      depth: Number(event.depth),
      prev_events: parents.map((parent) => scene.cite(parent)),
      auth_events: cited.map((one) => scene.cite(one)),
    }),
  }
}

export const citationActs: readonly ForbiddenAct[] = [
  act("two-auth-events-for-one-place", "auth_events name one type and state_key twice", (scene) =>
    by(scene.strongest, (sender) => {
      const cited = [scene.state("m.room.power_levels"), scene.state("m.room.member", sender)]
      const former = cited.flatMap((event) => (event === undefined ? [] : (scene.formerOf(event) ?? [])))[0]
      return former === undefined ? undefined : citing(scene, (list) => [...list, scene.cite(former)])
    }),
  ),
  act("auth-event-of-no-concern", "auth_events name an event that is none of its", (scene) => {
    const foreign = scene.others("join").flatMap((userId) => scene.state("m.room.member", userId) ?? [])[0]
    return foreign === undefined ? undefined : citing(scene, (list) => [...list, scene.cite(foreign)])
  }),
  act("no-create-event-cited", "auth_events name no create event", (scene) => {
    const { create } = scene
    if (create === undefined || scene.room.version.auth.createInAuthEvents === "forbidden") return undefined
    return citing(scene, (list) => list.filter((cited) => !isSame(cited, scene.cite(create))))
  }),
  act("no-auth-events-at-all", "sender is not joined", (scene) => {
    const { create } = scene
    if (create === undefined || scene.room.version.auth.createInAuthEvents === "required") return undefined
    return citing(scene, () => [])
  }),
  act("auth-event-that-was-rejected", undefined, (scene) =>
    by(scene.weakest, (weak) =>
      by(scene.strongest, (sender) => {
        const levels = scene.state("m.room.power_levels")
        if (
          levels === undefined ||
          scene.levelOf(weak) >= scene.levels.required("m.room.power_levels", true)
        ) {
          return undefined
        }
        const content = { ...scene.levelsContent, users: { ...scene.levelsMap("users"), [weak]: 100 } }
        return {
          ...says(sender, "by a right that I gave myself"),
          before: stateEvent(weak, "m.room.power_levels", content),
        }
      }),
    ),
  ),
  act("auth-events-of-another-room", undefined, (scene) =>
    by(scene.strongest, (sender) => {
      const own = scene.state("m.room.member", sender)
      const elsewhere = scene.elsewhere.flatMap(({ dag, version }) =>
        version.id === scene.room.version.id
          ? (dag.eventIn(dag.currentState(), "m.room.member", sender) ?? [])
          : [],
      )[0]
      if (own === undefined || elsewhere === undefined) return undefined
      return citing(scene, (list) => [
        ...list.filter((cited) => !isSame(cited, scene.cite(own))),
        scene.cite(elsewhere),
      ])
    }),
  ),
  act("old-auth-events", "sender is not joined", (scene) =>
    by([...scene.own("ban"), ...scene.own("leave")][0], (sender) => {
      const now = scene.state("m.room.member", sender)
      const former = now === undefined ? undefined : scene.formerOf(now)
      if (now === undefined || former?.content.membership !== "join") return undefined
      return {
        ...says(sender, "I am still here"),
        change: (pdu) => ({
          ...pdu,
          auth_events: listOf(pdu, "auth_events").map((cited) =>
            isSame(cited, scene.cite(now)) ? scene.cite(former) : cited,
          ),
        }),
      }
    }),
  ),
  act("old-parent", "sender is not joined", (scene) =>
    by(scene.own("ban")[0], (sender) =>
      by(scene.state("m.room.member", sender)?.eventId, (ban) => beforeEvent(scene, sender, ban)),
    ),
  ),
]
