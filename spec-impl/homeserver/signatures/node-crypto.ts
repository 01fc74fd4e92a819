/** Signatures by node:crypto (OpenSSL): the hot path. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto"
import { Effect, Layer } from "effect"
import { type Acceptance, isRuledOut, isRuledOutKey, isRuledOutSignature } from "./acceptance.ts"
import { isSmallOrder } from "./encodings.ts"
import { verifyWithCofactor, verifyWithoutCofactor, withVerifyAll } from "./noble.ts"
import { type SignatureFunctions, Signatures, type VerifyCheck } from "./signatures.ts"

/** Key objects cost more to make than to use; this many of either kind are kept. */
const keysKeptMax = 10_000
/** Checks on libuv's pool at once. */
const inFlightMax = 8

const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")

/** The functions, accepting what `acceptance` says. */
export const nodeSignatures = (acceptance: Acceptance): SignatureFunctions => {
  const privateKeyOf = keptKeys((seed) =>
    createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" }),
  )
  const publicOf = keptKeys(
    (seed) =>
      new Uint8Array(
        createPublicKey(privateKeyOf(seed))
          .export({ format: "der", type: "spki" })
          .subarray(publicPrefix.length),
      ),
  )
  const publicKeyOf = keptKeys((publicKey) => ({
    isRuledOut: isRuledOutKey(acceptance, publicKey),
    isSmallOrder: isSmallOrder(publicKey),
    // Anything of another length is ruled out already.
    key: publicKey.length === 32 ? toPublicKey(publicKey) : undefined,
  }))
  return {
    publicKey: publicOf,
    sign: (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
    verify: (publicKey, message, signature) => {
      const known = publicKeyOf(publicKey)
      if (known.key === undefined || known.isRuledOut || isRuledOutSignature(acceptance, signature))
        return false
      if (acceptance === "zip215") return verifyWithCofactor(publicKey, message, signature)
      // OpenSSL's verdict on keys of small order is its own; only `rfc8032` ever gets here with one.
      if (known.isSmallOrder) return verifyWithoutCofactor(publicKey, message, signature)
      return verify(null, message, known.key, signature)
    },
  }
}

/** The layer of the simulator: synchronous throughout. */
export const layerNodeCrypto = (acceptance: Acceptance): Layer.Layer<Signatures> =>
  Layer.succeed(Signatures, withVerifyAll(nodeSignatures(acceptance)))

/** The layer of a real server: `verifyAll` works off the main thread, where that is worth the way there. */
export const layerNodeCryptoThreaded = (acceptance: Acceptance): Layer.Layer<Signatures> => {
  const functions = nodeSignatures(acceptance)
  const synchronous = withVerifyAll(functions)
  // While a thread verifies by a key object no other can: so there is one for each check in flight.
  const keysOf = keptKeys(
    (publicKey) => Array.from({ length: inFlightMax }, () => toPublicKey(publicKey)),
    keysKeptMax / inFlightMax,
  )
  return Layer.succeed(Signatures, {
    ...functions,
    verifyAll: (checks) =>
      checks.length < pooledMin || acceptance === "zip215"
        ? synchronous.verifyAll(checks)
        : Effect.callback((resume) => verifyOnPool(acceptance, functions, checks, keysOf, resume)),
  })
}

/** Fewer checks are done sooner than handed over. */
const pooledMin = 4

const verifyOnPool = (
  acceptance: Acceptance,
  functions: SignatureFunctions,
  checks: readonly VerifyCheck[],
  keysOf: (publicKey: Uint8Array) => readonly KeyObject[],
  resume: (verdicts: Effect.Effect<readonly boolean[]>) => void,
): void => {
  const verdicts = checks.map(() => false)
  let next = 0
  let left = checks.length
  const settle = (at: number, verdict: boolean): void => {
    verdicts[at] = verdict
    left -= 1
    if (left === 0) resume(Effect.succeed(verdicts))
  }
  /** Goes on with what is next, one after the other, by the key objects of that lane. */
  const work = (lane: number): void => {
    for (let at = next++; at < checks.length; at = next++) {
      const { publicKey, message, signature } = checks[at]!
      if (isSmallOrder(publicKey) || isRuledOut(acceptance, publicKey, signature)) {
        settle(at, functions.verify(publicKey, message, signature))
        continue
      }
      const taken = at
      verify(null, message, keysOf(publicKey)[lane]!, signature, (error, valid) => {
        settle(taken, error === null && valid)
        work(lane)
      })
      return
    }
  }
  for (let lane = 0; lane < inFlightMax; lane++) work(lane)
}

const toPublicKey = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: "der", type: "spki" })

const keptKeys = <A>(make: (bytes: Uint8Array) => A, countMax = keysKeptMax): ((bytes: Uint8Array) => A) => {
  const kept = new Map<string, A>()
  return (bytes) => {
    const name = Buffer.from(bytes).toString("latin1")
    const known = kept.get(name)
    if (known !== undefined) return known
    if (kept.size >= countMax) kept.clear()
    const made = make(bytes)
    kept.set(name, made)
    return made
  }
}
