/** Server-server API §Policy Servers: the receiving half. */
import { Clock, Effect } from "effect"
import { encodeBase64 } from "../../core/base64.ts"
import { contentHash } from "../../core/hash.ts"
import { isJsonObject, type JsonObject } from "../../core/json/value.ts"
import { isPolicyEvent, policyServerOf } from "../../core/room-dag/policy-server.ts"
import { policyServerKeyId } from "../../core/signing.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { checkAcl } from "../../homeserver/room-acl.ts"
import { Rooms } from "../../homeserver/rooms.ts"
import { Settings } from "../../homeserver/settings.ts"
import { readPdu } from "../../homeserver/vetting.ts"
import { Origin } from "../authentication.ts"
import { chapter } from "../chapter.ts"
import { badJson, limitExceeded, notFound, refusedByPolicy, unrecognised } from "../matrix-error.ts"
import { Turns } from "../turns.ts"
import { recommend } from "./recommendation.ts"

export const PolicyReceive = chapter(
  "policy",
  Effect.fnUntraced(function* (handlers) {
    const { policy } = yield* Settings
    const turns = new Turns((yield* Settings).policyRequestsPerMinuteMax)
    return handlers.handle("sign", ({ payload }) =>
      Effect.gen(function* () {
        if (policy === undefined) return yield* unrecognised("this server is not a policy server")
        const origin = yield* Origin
        const waitMs = turns.take(origin, yield* Clock.currentTimeMillis)
        if (waitMs > 0) return yield* limitExceeded("too many events to look at", { retry_after_ms: waitMs })
        return yield* sign(origin, payload)
      }),
    )
  }),
)

/** In the order in which a server can tell: the room, who asks, what is asked. */
const sign = Effect.fnUntraced(function* (origin: string, pdu: JsonObject) {
  const { serverName } = yield* ServerIdentity
  const roomId = typeof pdu.room_id === "string" ? pdu.room_id : ""
  const room = (yield* Rooms).find(roomId)
  const dag = room?.dag
  const via = dag && policyServerOf(dag.graph, dag.currentState(), dag.presumedServers)?.via
  if (room === undefined || via !== serverName) {
    return yield* notFound(`${serverName} does not protect room ${roomId}`)
  }
  yield* checkAcl(room, origin)
  const read = readPdu(pdu, room, { checkReferenceCounts: true })
  if ("problem" in read) return yield* badJson(read.problem)
  // The signature covers the hash and not what is hashed, which is what the policy looks at.
  if (!isJsonObject(pdu.hashes) || pdu.hashes.sha256 !== contentHash(pdu)) {
    return yield* badJson("the content is not what its hash says")
  }
  if (isPolicyEvent(read.event)) {
    return yield* refusedByPolicy("a room names its policy server without being asked")
  }
  const signature = yield* recommend(read.event, room.version, origin)
  return { [serverName]: { [policyServerKeyId]: encodeBase64(signature) } }
})
