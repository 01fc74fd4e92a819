/** Makes forbidden events, and sends them as any server sends its own. */
import { Clock, Effect } from "effect"
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import type { Event } from "#spec-impl/core/event.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { isJsonArray, type JsonObject } from "#spec-impl/core/json/value.ts"
import { whileWriting } from "#spec-impl/homeserver/admission.ts"
import { craftPdu } from "../../world/craft-event.ts"
import { type FaultWorld, serverNamed } from "../fault.ts"
import type { ForbiddenAct } from "./act.ts"
import { says } from "./act.ts"
import { type Crafted, Scene } from "./scene.ts"

/** An act as it would be sent now. */
export interface ReadyAct {
  readonly name: string
  readonly pdus: readonly JsonObject[]
  readonly event: Event | undefined
}

/** What the server could break a rule of that room by, now. */
export const sceneOf = (world: FaultWorld, server: string, roomId: string): Scene | undefined => {
  const { rooms } = serverNamed(world, server)
  const room = rooms.find(roomId)
  if (room === undefined) return undefined
  return new Scene(
    server,
    room,
    rooms.all().filter((other) => other.roomId !== roomId),
  )
}

/** The event with another one cited where it would cite what stands in its place. */
const citingInPlace = (pdu: JsonObject, scene: Scene, cited: Event): JsonObject => {
  const standing = scene.state(cited.type, cited.stateKey ?? "")
  const own = standing === undefined ? undefined : JSON.stringify(scene.cite(standing))
  const list = isJsonArray(pdu.auth_events) ? pdu.auth_events : []
  return {
    ...pdu,
    auth_events: list.map((one) => (JSON.stringify(one) === own ? scene.cite(cited) : one)),
  }
}

const build = Effect.fnUntraced(function* (
  world: FaultWorld,
  scene: Scene,
  { draft, change = (pdu) => pdu, tamper = (pdu) => pdu }: Crafted,
  more: (pdu: JsonObject) => JsonObject = (pdu) => pdu,
) {
  const { server, room } = scene
  const crafting = craftPdu(world, server, room.roomId, draft, (whole) => more(change(whole)))
  const pdu = yield* whileWriting(room, crafting)
  const parsed = parseEvent(tamper(pdu), room.version)
  return { pdu: tamper(pdu), event: "event" in parsed ? parsed.event : undefined }
})

/** Crafts an act, if it breaks there and now what it is to break. */
export const ready = Effect.fnUntraced(function* (
  world: FaultWorld,
  scene: Scene,
  { name, breaks, craft }: ForbiddenAct,
): Effect.fn.Return<ReadyAct | undefined> {
  const crafted = craft(scene)
  if (crafted === undefined) return undefined
  const first = crafted.before === undefined ? undefined : yield* build(world, scene, crafted.before)
  const cited = first?.event
  const { pdu, event } = yield* build(world, scene, crafted, (whole) =>
    cited === undefined ? whole : citingInPlace(whole, scene, cited),
  )
  const isForbidden = breaks === undefined || (yield* objectionOf(scene, event)) === breaks
  return isForbidden ? { name, event, pdus: first === undefined ? [pdu] : [first.pdu, pdu] } : undefined
})

/** What the server itself would say against it, which it does not keep: what it would take is not forbidden. */
const objectionOf = ({ room }: Scene, event: Event | undefined): Effect.Effect<string | undefined> =>
  whileWriting(
    room,
    Effect.sync(() =>
      event === undefined || room.dag.missingAuthEvents(event).length > 0
        ? undefined
        : room.dag.examine(event, "new").objection?.reason,
    ),
  )

/** A message that follows the forbidden event as if that were part of the history. */
const following = Effect.fnUntraced(function* (world: FaultWorld, scene: Scene, event: Event) {
  const sender = scene.strongest
  if (sender === undefined) return []
  const { pdu } = yield* build(world, scene, says(sender, "as I was saying"), (whole) => ({
    ...whole,
    depth: Number(event.depth) + 1,
    prev_events: [scene.cite(event)],
  }))
  return [pdu]
})

/** Sends an act to those servers in one transaction each, once; what becomes of it the server does not care. */
export const perform = Effect.fnUntraced(function* (
  world: FaultWorld,
  scene: Scene,
  act: ReadyAct,
  options: { readonly to: readonly string[]; readonly isBuiltOn: boolean },
) {
  const { client } = serverNamed(world, scene.server)
  const more = options.isBuiltOn && act.event !== undefined ? yield* following(world, scene, act.event) : []
  const pdus = [...act.pdus, ...more]
  const transactionId = `hostile_${encodeBase64Url(sha256(canonicalJson(pdus))).slice(0, 14)}`
  world.kernel.trace.record("hostile", scene.server, act.name, act.event?.eventId ?? "")
  yield* Effect.forEach(
    options.to,
    (destination) =>
      Effect.gen(function* () {
        const payload = {
          origin: scene.server,
          origin_server_ts: yield* Clock.currentTimeMillis,
          pdus,
          edus: [],
        }
        yield* client.call(destination, (api) =>
          api.transactions.send({ params: { transactionId }, payload }),
        )
      }).pipe(Effect.ignore),
    { concurrency: "unbounded", discard: true },
  )
})
