/** Signatures by node:crypto (OpenSSL): the hot path. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { Effect, Layer } from "effect"
import { type Acceptance, isRuledOutKey, isRuledOutSignature } from "./acceptance.ts"
import { isSmallOrder } from "./encodings.ts"
import { synchronously, verifyWithCofactor, verifyWithoutCofactor } from "./noble.ts"
import { type SignatureFunctions, Signatures, type Verification, type VerifyCheck } from "./signatures.ts"
import { publicKeyPrefix } from "./verify-slice.ts"
import { VerifyThreads } from "./verify-threads.ts"

/** Key objects cost more to make than to use; this many of either kind are kept. */
const keysKeptMax = 10_000

const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")

/** What is to be known of a public key. */
interface KnownPublicKey {
  /** None where every signature by it is ruled out. */
  readonly key: KeyObject | undefined
  readonly isSmallOrder: boolean
}

const publicKeysBy = (acceptance: Acceptance): ((publicKey: Uint8Array) => KnownPublicKey) =>
  keptKeys((publicKey) => ({
    key: isRuledOutKey(acceptance, publicKey) ? undefined : toPublicKey(publicKey),
    isSmallOrder: isSmallOrder(publicKey),
  }))

/** The functions, accepting what `acceptance` says. */
export const nodeSignatures = (
  acceptance: Acceptance,
  publicKeyOf = publicKeysBy(acceptance),
): SignatureFunctions => {
  const privateKeyOf = keptKeys((seed) =>
    createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" }),
  )
  const publicOf = keptKeys(
    (seed) =>
      new Uint8Array(
        createPublicKey(privateKeyOf(seed))
          .export({ format: "der", type: "spki" })
          .subarray(publicKeyPrefix.length),
      ),
  )
  return {
    publicKey: publicOf,
    sign: (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
    verify: (publicKey, message, signature) => {
      const { key, isSmallOrder: isOfSmallOrder } = publicKeyOf(publicKey)
      if (key === undefined || isRuledOutSignature(acceptance, signature)) return false
      if (acceptance === "zip215") return verifyWithCofactor(publicKey, message, signature)
      // OpenSSL's verdict on keys of small order is its own; only `rfc8032` ever gets here with one.
      if (isOfSmallOrder) return verifyWithoutCofactor(publicKey, message, signature)
      return verify(null, message, key, signature)
    },
  }
}

/** The layer of the simulator: synchronous throughout. */
export const layerNodeCrypto = (acceptance: Acceptance): Layer.Layer<Signatures> =>
  Layer.succeed(Signatures, synchronously(nodeSignatures(acceptance)))

/**
 * The layer of a real server: many are verified off the main thread, where that is worth the way there; until the scope
 * is closed.
 */
export const layerNodeCryptoThreaded = (acceptance: Acceptance): Layer.Layer<Signatures> => {
  const publicKeyOf = publicKeysBy(acceptance)
  const functions = nodeSignatures(acceptance, publicKeyOf)
  // What noble alone can do stays here.
  if (acceptance === "zip215") return Layer.succeed(Signatures, synchronously(functions))
  const isForThreads = ({ publicKey, signature }: VerifyCheck): boolean => {
    const { key, isSmallOrder: isOfSmallOrder } = publicKeyOf(publicKey)
    return key !== undefined && !isOfSmallOrder && !isRuledOutSignature(acceptance, signature)
  }
  return Layer.effect(
    Signatures,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new VerifyThreads(functions.verify)),
        (threads) => Effect.callback<void>((resume) => void threads.end().then(() => resume(Effect.void))),
      ),
      (threads) => ({ ...functions, begin: () => verifyBeside(threads, functions.verify, isForThreads) }),
    ),
  )
}

/** So many checks are handed over at a time, while others are still being made. */
const sliceChecks = 128
/** Fewer checks are done sooner than handed over; and fewer than that are no reason to start threads. */
const handedOverMin = 4
const startedForMin = 32

const verifyBeside = (
  threads: VerifyThreads,
  verifyHere: SignatureFunctions["verify"],
  isForThreads: (check: VerifyCheck) => boolean,
): Verification => {
  const verdicts: boolean[] = []
  let left = 0
  /** Those that were not handed over yet, and their places among all. */
  let checks: VerifyCheck[] = []
  let places: number[] = []
  let isComplete = (): void => undefined
  const verifyNow = ({ publicKey, message, signature }: VerifyCheck): boolean =>
    verifyHere(publicKey, message, signature)
  const handOver = (): void => {
    const handed = places
    left += handed.length
    threads.take(checks, (given) => {
      for (const [nth, place] of handed.entries()) verdicts[place] = given[nth]!
      left -= handed.length
      if (left === 0) isComplete()
    })
    checks = []
    places = []
  }
  return {
    add: (added) => {
      for (const check of added) {
        if (!isForThreads(check)) {
          verdicts.push(verifyNow(check))
          continue
        }
        places.push(verdicts.length)
        verdicts.push(false)
        checks.push(check)
        if (checks.length === sliceChecks) handOver()
      }
    },
    verdicts: Effect.callback((resume) => {
      if (checks.length >= (threads.areRunning ? handedOverMin : startedForMin)) handOver()
      for (const [nth, place] of places.entries()) verdicts[place] = verifyNow(checks[nth]!)
      isComplete = () => resume(Effect.succeed(verdicts))
      if (left === 0) isComplete()
    }),
  }
}

const toPublicKey = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicKeyPrefix, publicKey]), format: "der", type: "spki" })

const keptKeys = <A>(make: (bytes: Uint8Array) => A): ((bytes: Uint8Array) => A) => {
  const kept = new Map<string, A>()
  const keptOrMade = (bytes: Uint8Array): A => {
    const name = Buffer.from(bytes).toString("latin1")
    const known = kept.get(name)
    if (known !== undefined) return known
    if (kept.size >= keysKeptMax) kept.clear()
    const made = make(bytes)
    kept.set(name, made)
    return made
  }
  let last: { readonly bytes: Uint8Array; readonly made: A } | undefined
  return (bytes) => {
    // Most are asked for again and again, by the same object.
    if (last?.bytes !== bytes) last = { bytes, made: keptOrMade(bytes) }
    return last.made
  }
}
