/** Check 2 on receipt of a PDU: the signatures of the servers that must have signed it. */
import { Effect } from "effect"
import type { Event } from "../core/event.ts"
import { canonicalIntegerMax } from "../core/limits.ts"
import type { RoomVersion } from "../core/room-version.ts"
import {
  eventSignatureChecks,
  judgeSignatures,
  requiredSigners,
  type SignatureCheck,
  type SignatureOutcome,
} from "../core/signing.ts"
import type { WantedKeys } from "./key-holders.ts"
import type { KnownKeys } from "./known-keys.ts"
import type { Signatures } from "./signatures/signatures.ts"

/** Whether all servers that must have signed an event have, or what is missing. */
export type EventSignatures = "verified" | { readonly failed: string }

/** Where keys come from. */
interface KeySource {
  readonly keysOf: (server: string) => KnownKeys
  /** Asks for keys of the server, unless that was done just now. */
  readonly refresh: (server: string, wanted: WantedKeys) => Effect.Effect<void>
}

/** Whether one server signed one event. */
interface Question {
  readonly event: Event
  readonly server: string
  readonly checks: readonly SignatureCheck[]
}

/** How many servers are asked for keys at a time. */
const concurrency = 16

/** Verifies the required signatures of events of one room, all at once. */
export const verifyEventSignatures = (
  source: KeySource,
  signatures: Signatures["Service"],
  events: readonly Event[],
  version: RoomVersion,
) => {
  const questions = events.flatMap((event) =>
    requiredSigners(event, version).map((server) => questionOf(event, version, server)),
  )
  return Effect.map(answerQuestions(source, signatures, questions, version), (problems) => {
    const failures = new Map<Event, string>()
    for (const [position, { event }] of questions.entries()) {
      const problem = problems[position]
      if (problem !== undefined && !failures.has(event)) failures.set(event, problem)
    }
    return events.map((event): EventSignatures => {
      const failed = failures.get(event)
      return failed === undefined ? "verified" : { failed }
    })
  })
}

/** Whether `server` signed the event, whoever else must have. */
export const verifySignatureOf = Effect.fnUntraced(function* (
  source: KeySource,
  signatures: Signatures["Service"],
  event: Event,
  version: RoomVersion,
  server: string,
) {
  const [problem] = yield* answerQuestions(source, signatures, [questionOf(event, version, server)], version)
  return problem === undefined
})

/** The signatures of `server` on the event that hold, each looked at by itself. */
export const findValidSignatures = Effect.fnUntraced(function* (
  source: KeySource,
  signatures: Signatures["Service"],
  event: Event,
  version: RoomVersion,
  server: string,
) {
  const checks = eventSignatureChecks(event, version, server)
  const questions = checks.map((check) => ({ event, server, checks: [check] }))
  const problems = yield* answerQuestions(source, signatures, questions, version)
  return checks.filter((_, position) => problems[position] === undefined)
})

const questionOf = (event: Event, version: RoomVersion, server: string): Question => ({
  event,
  server,
  checks: eventSignatureChecks(event, version, server),
})

/** For each question what is wrong, or undefined. */
const answerQuestions = (
  source: KeySource,
  signatures: Signatures["Service"],
  questions: readonly Question[],
  { keyValidity }: RoomVersion,
): Effect.Effect<readonly (string | undefined)[]> =>
  Effect.clockWith((clock) => {
    const lacking = lackingKeys(source, questions, keyValidity, clock.currentTimeMillisUnsafe())
    const judge = Effect.suspend(() =>
      judgeQuestions(source, signatures, questions, keyValidity, clock.currentTimeMillisUnsafe()),
    )
    return lacking.size === 0
      ? judge
      : Effect.andThen(
          Effect.forEach(lacking, ([server, wanted]) => source.refresh(server, wanted), {
            concurrency,
            discard: true,
          }),
          judge,
        )
  })

const keyFor = (
  source: KeySource,
  { event, server }: Question,
  { keyId }: SignatureCheck,
  keyValidity: RoomVersion["keyValidity"],
  nowMs: number,
) => source.keysOf(server).forEvent(keyId, event.originServerTs, keyValidity, nowMs)

/** The keys that are not known, and that it may help to ask for, by server. */
const lackingKeys = (
  source: KeySource,
  questions: readonly Question[],
  keyValidity: RoomVersion["keyValidity"],
  nowMs: number,
): ReadonlyMap<string, WantedKeys> => {
  const lacking = new Map<string, Map<string, { untilTs: number; isForRequest: boolean }>>()
  for (const question of questions) {
    for (const check of question.checks) {
      const isKnown = keyFor(source, question, check, keyValidity, nowMs) !== undefined
      if (isKnown || !source.keysOf(check.server).mayChange(check.keyId)) continue
      const ofServer = lacking.get(check.server) ?? new Map()
      lacking.set(check.server, ofServer)
      const untilTs = keyValidity === "enforced" ? timestampOf(question.event) : 0
      const known = ofServer.get(check.keyId)?.untilTs ?? 0
      ofServer.set(check.keyId, { untilTs: Math.max(untilTs, known), isForRequest: false })
    }
  }
  return lacking
}

const judgeQuestions = (
  source: KeySource,
  signatures: Signatures["Service"],
  questions: readonly Question[],
  keyValidity: RoomVersion["keyValidity"],
  nowMs: number,
): Effect.Effect<readonly (string | undefined)[]> => {
  // Looked up once: while signatures are verified, keys may come in.
  const keys = questions.map((question) =>
    question.checks.map((check) => keyFor(source, question, check, keyValidity, nowMs)),
  )
  const asked = questions.flatMap(({ checks }, position) =>
    checks.flatMap(({ message, signature }, place) => {
      const publicKey = keys[position]?.[place]
      return publicKey === undefined ? [] : [{ publicKey, message, signature }]
    }),
  )
  return Effect.map(signatures.verifyAll(asked), (verified) => {
    const answers = verified.values()
    return questions.map((question, position) => {
      const outcomes = question.checks.map(({ keyId }, place): SignatureOutcome => {
        if (keys[position]?.[place] !== undefined) return answers.next().value ? "valid" : "invalid"
        return source.keysOf(question.server).has(keyId) ? "expired-key" : "unknown-key"
      })
      return problemIn(question, outcomes)
    })
  })
}

/** As far as a question about it can hold it: rooms 1–5 have timestamps of any size. */
const timestampOf = ({ originServerTs }: Event): number =>
  Math.max(0, Math.min(Number(originServerTs), canonicalIntegerMax))

const problemIn = (
  { server, checks }: Question,
  outcomes: readonly SignatureOutcome[],
): string | undefined => {
  if (checks.length === 0) return `${server} has not signed it`
  const verdict = judgeSignatures(outcomes)
  if (verdict === "verified") return undefined
  const keys = checks.map(({ keyId }, position) => `${keyId}: ${outcomes[position]}`).join(", ")
  return verdict === "failed"
    ? `a signature of ${server} is wrong (${keys})`
    : `no key of ${server} is good for it (${keys})`
}
