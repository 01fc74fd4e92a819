/** What a PDU costs from the bytes of its transaction to the answer, beside the verification of one signature. */
import { performance } from "node:perf_hooks"
import { Effect, Layer } from "effect"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import { formatXMatrix, requestSigningBytes } from "#spec-impl/federation/x-matrix.ts"
import type { SignatureFunctions } from "#spec-impl/homeserver/signatures/signatures.ts"
import { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import type { EventStore } from "#spec-impl/store/event-store.ts"
import type { Figure } from "./figure.ts"
import { type Neighbour, startNeighbour } from "./neighbours.ts"

/** What is measured. */
export interface EventsBench {
  readonly pdusPerTransaction: number
  readonly transactions: number
  readonly rooms: number
  readonly roomVersion: string
  /** By which the receiving server keeps what it takes in; in memory where there is none. */
  readonly layerStore?: Layer.Layer<EventStore>
}

/** Microseconds of wall time, each over the same stretches of one run, so that their ratio means something. */
export interface EventsFigures {
  readonly pduUs: number
  readonly verifyUs: number
}

const chunks = 20

/** Takes `transactions` transactions in, a twentieth first unmeasured. Fails where an answer is not all success. */
export const measureEvents = (
  bench: EventsBench,
  layerSignatures: Layer.Layer<Signatures>,
): Effect.Effect<EventsFigures, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const signatures = yield* Effect.provide(Signatures, layerSignatures)
      const { requests, receiver } = yield* prepare(bench, Layer.succeed(Signatures, signatures), signatures)
      const size = Math.ceil(requests.length / chunks)
      let pduMs = 0
      let verifyMs = 0
      for (let chunk = 0; chunk < chunks; chunk++) {
        const part = requests.slice(chunk * size, (chunk + 1) * size)
        const started = performance.now()
        for (const request of part) yield* take(receiver, request)
        const ended = performance.now()
        verifyABit(signatures)
        if (chunk === 0) continue
        pduMs += ended - started
        verifyMs += performance.now() - ended
      }
      const measured = (requests.length - size) * bench.pdusPerTransaction
      return {
        pduUs: (pduMs * 1000) / measured,
        verifyUs: (verifyMs * 1000) / ((chunks - 1) * verifications),
      }
    }),
  )

const verifications = 200
const seed = new Uint8Array(32).fill(7)
const message = new Uint8Array(600).fill(1)

const verifyABit = (signatures: SignatureFunctions): void => {
  const publicKey = signatures.publicKey(seed)
  const signature = signatures.sign(seed, message)
  for (let at = 0; at < verifications; at++) signatures.verify(publicKey, message, signature)
}

const take = Effect.fnUntraced(function* ({ handler }: Neighbour, request: WireRequest) {
  const { status, body } = yield* handler(request)
  const text = Buffer.from(body).toString()
  if (status !== 200 || text.includes('"error"')) return yield* Effect.fail(new Error(`${status}: ${text}`))
})

/** Two servers in the same rooms, and what one of them is to send the other. */
const prepare = Effect.fnUntraced(function* (
  bench: EventsBench,
  layerSignatures: Layer.Layer<Signatures>,
  signatures: SignatureFunctions,
) {
  const street = new Map<string, Neighbour>()
  const sender = yield* startNeighbour("sender.test", street, { layerSignatures })
  const receiver = yield* startNeighbour("receiver.test", street, {
    layerSignatures,
    ...(bench.layerStore === undefined ? {} : { layerStore: bench.layerStore }),
  })
  const roomIds: string[] = []
  for (let at = 0; at < bench.rooms; at++) {
    const roomId = yield* sender.users.createRoom("@alice:sender.test", { roomVersion: bench.roomVersion })
    yield* receiver.users.join("@bob:receiver.test", roomId, ["sender.test"])
    roomIds.push(roomId)
  }
  // From here on what is sent waits for the measurement.
  street.delete("receiver.test")
  const requests: WireRequest[] = []
  for (let at = 0; at < bench.transactions; at++) {
    const pdus: JsonObject[] = []
    for (let pdu = 0; pdu < bench.pdusPerTransaction; pdu++) {
      const event = yield* sender.users.send(
        "@alice:sender.test",
        roomIds[at % bench.rooms]!,
        "m.room.message",
        {
          msgtype: "m.text",
          body: `this is message ${pdu} of transaction ${at}, and it says about as much as people say`,
        },
      )
      pdus.push(event.pdu)
    }
    requests.push(transaction(sender, signatures, at, pdus))
  }
  return { requests, receiver }
})

const transaction = (
  { name, identity }: Neighbour,
  signatures: SignatureFunctions,
  at: number,
  pdus: readonly JsonObject[],
): WireRequest => {
  const { keyId, seed: signingSeed } = identity.signingKey
  const destination = "receiver.test"
  const target = `/_matrix/federation/v1/send/bench-${at}`
  const body = canonicalJsonBytes({ origin: name, origin_server_ts: 0, pdus })
  const request = { method: "PUT", uri: target, origin: name, destination, content: body }
  const signed = requestSigningBytes(request)
  const sig = encodeBase64(signatures.sign(signingSeed, signed))
  return {
    source: name,
    destination,
    method: "PUT",
    target,
    headers: { authorization: formatXMatrix({ origin: name, destination, key: keyId, sig }) },
    body,
  }
}

/** PDUs through the whole way in memory, beside one verification: `netsplit bench events`. */
export const eventsFigures = (
  layerSignatures: Layer.Layer<Signatures>,
): Effect.Effect<readonly Figure[], unknown> =>
  Effect.forEach(
    [
      { name: "a PDU, one a transaction", pdusPerTransaction: 1, transactions: 2_000 },
      { name: "a PDU, fifty a transaction", pdusPerTransaction: 50, transactions: 200 },
    ],
    ({ name, ...bench }) =>
      Effect.map(
        measureEvents({ ...bench, rooms: 8, roomVersion: "11" }, layerSignatures),
        ({ pduUs, verifyUs }) => ({ name, us: pduUs, limit: "verify", limitUs: verifyUs }),
      ),
  )
