import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { decodeBase64 } from "#spec-impl/core/base64.ts"
import { parseEvent } from "#spec-impl/core/event-format.ts"
import { contentHash } from "#spec-impl/core/hash.ts"
import { isJsonObject, type JsonObject } from "#spec-impl/core/json/value.ts"
import { readingsDefault } from "#spec-impl/core/readings.ts"
import { RoomDag } from "#spec-impl/core/room-dag/room-dag.ts"
import { roomVersion, roomVersions } from "#spec-impl/core/room-version.ts"
import { eventSigningBytes } from "#spec-impl/core/signing.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import { parseXMatrix, requestSigningBytes } from "#spec-impl/federation/x-matrix.ts"
import { makeTestRooms, originName, targetName } from "../testing/corpus-rooms.ts"
import { corpusFlows } from "./flows.ts"
import type { CorpusRequest } from "./format.ts"
import { makeCorpus } from "./make-corpus.ts"
import { originKey, signatures } from "./origin-identity.ts"
import { CorpusReader } from "./reader.ts"
import type { LineHistory } from "./room-lines.ts"
import { stateDigest } from "./room-maker.ts"
import type { RoomStart } from "./room-start.ts"

const directories: string[] = []
const newDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "netsplit-corpus-"))
  directories.push(directory)
  return directory
}
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true })
})

const rooms = { count: 3, users: 3, prelude: 0 }
const plan = { seed: 5, origin: originName, target: targetName }
const key = originKey(5, originName)

const read = async (directory: string) => {
  const corpus = await CorpusReader.open(directory)
  const requests: CorpusRequest[] = []
  for (let line = 0; line < corpus.manifest.requests; line++) requests.push(await corpus.read(line))
  const histories: LineHistory[] = []
  for await (const history of corpus.history()) histories.push(history)
  await corpus.close()
  return { manifest: corpus.manifest, requests, histories }
}

const dagOf = (start: RoomStart): RoomDag => {
  const dag = new RoomDag({
    version: roomVersion(start.roomVersion)!,
    readings: readingsDefault,
    resolve,
    verify: signatures.verify,
  })
  for (const pdu of start.events) take(dag, pdu)
  return dag
}

/** What a server does with an event: format, hash, signature, auth rules. Gives its id. */
const take = (dag: RoomDag, pdu: JsonObject, signer?: Uint8Array): string => {
  const parsed = parseEvent(pdu, dag.rules.version)
  if ("problem" in parsed) throw new Error(parsed.problem)
  const { event } = parsed
  if (signer !== undefined) {
    expect((pdu.hashes as JsonObject).sha256).toBe(contentHash(pdu))
    const ofOrigin = (pdu.signatures as JsonObject)[originName] as JsonObject
    const message = eventSigningBytes(pdu, dag.rules.version)
    expect(signatures.verify(signer, message, decodeBase64(ofOrigin[key.keyId] as string)!)).toBe(true)
  }
  const record = dag.examine(event, "new")
  expect([event.type, record.verdict]).toEqual([event.type, "accepted"])
  dag.apply(record)
  return event.eventId
}

const pdusOf = ({ endpoint, body = "{}" }: CorpusRequest): readonly JsonObject[] => {
  const content = readJson(Buffer.from(body))
  if (!isJsonObject(content)) throw new Error("a body is no object")
  if (endpoint === "send") return content.pdus as readonly JsonObject[]
  return endpoint === "send_join" ? [content] : []
}

const expectSigned = ({ method, path: uri, authorization, body }: CorpusRequest): void => {
  const { sig, key: keyId, ...stated } = parseXMatrix(authorization)!
  expect([stated, keyId]).toEqual([{ origin: originName, destination: targetName }, key.keyId])
  const content = body === undefined ? {} : { content: body }
  const message = requestSigningBytes({ method, uri, ...stated, destination: targetName, ...content })
  expect(signatures.verify(key.publicKey, message, decodeBase64(sig)!)).toBe(true)
}

const cases = [
  ...roomVersions.map(({ id }) => ["send-conflict", id] as const),
  ...["1", "3", "12"].flatMap((id) => [["send-one", id] as const, ["send-fifty", id] as const]),
  ...["state-ids", "event", "backfill", "mixed", "join-storm"].map((flow) => [flow, "12"] as const),
]

it.each(cases)(
  "%s in rooms of version %s is made of events that every server accepts",
  async (flow, version) => {
    const { prelude } = corpusFlows[flow]!.rooms
    const starts = await makeTestRooms({ ...rooms, prelude }, version)
    const directory = newDirectory()
    await makeCorpus({ ...plan, flow, rooms: starts, iterations: 12 }, directory, { workers: 1 })
    const dags = starts.map(dagOf)
    const [before, during] = [await read(join(directory, "prelude")), await read(directory)]
    for (const { requests, histories } of [before, during]) {
      for (const [line, request] of requests.entries()) {
        expectSigned(request)
        const { room, events, tips, state } = histories[line]!
        const dag = dags[room]!
        expect(pdusOf(request).map((pdu) => take(dag, pdu, key.publicKey))).toEqual(events)
        if (tips === undefined) continue
        expect(dag.forwardExtremities()).toEqual([...tips].sort())
        for (const tip of tips)
          expect(stateDigest(dag.eventIdsIn(dag.timeline(tip)!.stateBefore))).toBe(state)
      }
    }
    expect(during.requests.length).toBe(12 * corpusFlows[flow]!.requestsPerIteration)
    for (const [nth, { room_id, expected }] of during.manifest.rooms.entries()) {
      expect(room_id).toBe(starts[nth]!.roomId)
      expect([...expected.extremities].sort()).toEqual(dags[nth]!.forwardExtremities())
    }
  },
)

it("one seed and the same rooms make the same bytes, on however many cores", async () => {
  const starts = await makeTestRooms(rooms, "12")
  const bytesBy = async (seed: number, workers: number): Promise<string> => {
    const directory = newDirectory()
    await makeCorpus({ ...plan, seed, flow: "send-conflict", rooms: starts, iterations: 50 }, directory, {
      workers,
    })
    const files = ["send-conflict.ndjson", "send-conflict.index", "history.ndjson", "manifest.json"]
    return files.map((file) => readFileSync(join(directory, file), "latin1")).join()
  }
  const once = await bytesBy(5, 1)
  expect(await bytesBy(5, 3)).toBe(once)
  expect(await bytesBy(6, 1)).not.toBe(once)
})
