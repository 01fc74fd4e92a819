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
import type { Signatures, VerifyCheck } from "./signatures/signatures.ts"

/**
 * Whether all servers that must have signed an event have, or what is missing. Unverifiable is what is signed by a key that
 * is not to be had, or not good for it: of that another copy would be no better.
 */
export type EventSignatures = "verified" | { readonly failed: string; readonly isUnverifiable: boolean }

/** Where keys come from. */
interface KeySource {
  readonly nowMs: () => number
  readonly keysOf: (server: string) => KnownKeys
  /** Asks for keys of those servers, but for those of which that was done just now. */
  readonly refreshMany: (wanted: ReadonlyMap<string, WantedKeys>) => Effect.Effect<void>
}

/** Whether one server signed one event. */
interface Question {
  readonly event: Event
  readonly server: string
  readonly checks: readonly SignatureCheck[]
}

/** The required signatures of many events of one room, verified while whoever gives them goes on. */
export interface EventVerification {
  /** Asks for keys first where some are lacking: else there is nothing to wait for. */
  readonly add: (events: readonly Event[]) => Effect.Effect<void>
  /** What became of all that was added, in that order. Nothing is added after that is asked for. */
  readonly outcomes: () => Effect.Effect<readonly EventSignatures[]>
}

export const beginEventVerification = (
  source: KeySource,
  signatures: Signatures["Service"],
  version: RoomVersion,
): EventVerification => {
  const inquiry = beginInquiry(source, signatures, version)
  const added: Event[] = []
  return {
    add: (events) => {
      const questions: Question[] = []
      for (const event of events) {
        added.push(event)
        for (const server of requiredSigners(event, version)) {
          questions.push(questionOf(event, version, server))
        }
      }
      return inquiry.ask(questions)
    },
    outcomes: () =>
      Effect.mapEager(inquiry.answers(), (answers) => {
        if (answers.every(isWell)) return added.map(() => "verified")
        const failures = new Map<Event, Exclude<EventSignatures, "verified">>()
        for (const { event, problem } of answers) {
          if (problem === undefined) continue
          const { failed, isUnverifiable } = failures.get(event) ?? problem
          failures.set(event, { failed, isUnverifiable: isUnverifiable || problem.isUnverifiable })
        }
        return added.map((event): EventSignatures => failures.get(event) ?? "verified")
      }),
  }
}

const isWell = ({ problem }: Answer): boolean => problem === undefined

/** Verifies the required signatures of events of one room, all at once. */
export const verifyEventSignatures = (
  source: KeySource,
  signatures: Signatures["Service"],
  events: readonly Event[],
  version: RoomVersion,
): Effect.Effect<readonly EventSignatures[]> => {
  const { add, outcomes } = beginEventVerification(source, signatures, version)
  return Effect.flatMapEager(add(events), outcomes)
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
  version: RoomVersion,
): Effect.Effect<readonly Answer["problem"][]> => {
  const { ask, answers } = beginInquiry(source, signatures, version)
  return Effect.flatMapEager(ask(questions), () =>
    Effect.mapEager(answers(), (given) => given.map(({ problem }) => problem)),
  )
}

/** A question with the keys by which it is answered, in the order of its checks. */
interface Asked extends Question {
  readonly keys: readonly (Uint8Array | undefined)[]
}

interface Answer {
  readonly event: Event
  /** What is wrong, if anything. */
  readonly problem: Exclude<EventSignatures, "verified"> | undefined
}

/** Questions that are answered while more are asked; the answers come in their order. */
const beginInquiry = (
  source: KeySource,
  signatures: Signatures["Service"],
  { keyValidity }: RoomVersion,
): {
  readonly ask: (questions: readonly Question[]) => Effect.Effect<void>
  readonly answers: () => Effect.Effect<readonly Answer[]>
} => {
  const verification = signatures.begin()
  const asked: Asked[] = []
  const withKeys = ({ event, server, checks }: Question, nowMs: number): Asked => {
    const known = source.keysOf(server)
    const keys = checks.map(({ keyId }) => known.forEvent(keyId, event.originServerTs, keyValidity, nowMs))
    return { event, server, checks, keys }
  }
  /** By keys that were looked up once: while signatures are verified, others may come in. */
  const verify = (questions: readonly Asked[]): void => {
    const known: VerifyCheck[] = []
    for (const question of questions) {
      asked.push(question)
      for (let place = 0; place < question.checks.length; place++) {
        const publicKey = question.keys[place]
        if (publicKey === undefined) continue
        const { message, signature } = question.checks[place]!
        known.push({ publicKey, message, signature })
      }
    }
    verification.add(known)
  }
  return {
    ask: (questions) => {
      const nowMs = source.nowMs()
      const looked = questions.map((question) => withKeys(question, nowMs))
      const lacking = lackingKeys(source, looked, keyValidity)
      if (lacking.size > 0) {
        const go = Effect.sync(() => {
          const againMs = source.nowMs()
          verify(questions.map((question) => withKeys(question, againMs)))
        })
        return Effect.andThen(source.refreshMany(lacking), go)
      }
      verify(looked)
      return Effect.void
    },
    answers: () =>
      Effect.mapEager(verification.verdicts, (verdicts) => {
        let next = 0
        return asked.map((question): Answer => {
          const { event, checks, keys, server } = question
          const outcomes = checks.map(({ keyId }, place): SignatureOutcome => {
            if (keys[place] !== undefined) return verdicts[next++] ? "valid" : "invalid"
            return source.keysOf(server).has(keyId) ? "expired-key" : "unknown-key"
          })
          return { event, problem: problemIn(question, outcomes) }
        })
      }),
  }
}

/** The keys that are not known, and that it may help to ask for, by server. */
const lackingKeys = (
  source: KeySource,
  questions: readonly Asked[],
  keyValidity: RoomVersion["keyValidity"],
): ReadonlyMap<string, WantedKeys> => {
  if (questions.every(({ keys }) => !keys.includes(undefined))) return nothing
  const lacking = new Map<string, Map<string, { untilTs: number; isForRequest: boolean }>>()
  for (const question of questions) {
    for (const [place, check] of question.checks.entries()) {
      const isKnown = question.keys[place] !== undefined
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

const nothing: ReadonlyMap<string, WantedKeys> = new Map()

/** As far as a question about it can hold it: rooms 1–5 have timestamps of any size. */
const timestampOf = ({ originServerTs }: Event): number =>
  Math.max(0, Math.min(Number(originServerTs), canonicalIntegerMax))

const problemIn = (
  { server, checks }: Question,
  outcomes: readonly SignatureOutcome[],
): Answer["problem"] => {
  if (checks.length === 0) return { failed: `${server} has not signed it`, isUnverifiable: false }
  const verdict = judgeSignatures(outcomes)
  if (verdict === "verified") return undefined
  const keys = checks.map(({ keyId }, position) => `${keyId}: ${outcomes[position]}`).join(", ")
  return verdict === "failed"
    ? { failed: `a signature of ${server} is wrong (${keys})`, isUnverifiable: false }
    : { failed: `no key of ${server} is good for it (${keys})`, isUnverifiable: true }
}
