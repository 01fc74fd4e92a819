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
  const publicKeyOf = keptKeys((publicKey) => ({
    isRuledOut: isRuledOutKey(acceptance, publicKey),
    isSmallOrder: isSmallOrder(publicKey),
    // Anything of another length is ruled out already.
    key: publicKey.length === 32 ? toPublicKey(publicKey) : undefined,
  }))
  return {
    publicKey: (seed) =>
      new Uint8Array(
        createPublicKey(privateKeyOf(seed))
          .export({ format: "der", type: "spki" })
          .subarray(publicPrefix.length),
      ),
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

/** The layer of a real server: `verifyAll` works off the main thread. */
export const layerNodeCryptoThreaded = (acceptance: Acceptance): Layer.Layer<Signatures> => {
  const functions = nodeSignatures(acceptance)
  return Layer.succeed(Signatures, {
    ...functions,
    verifyAll: (checks) =>
      Effect.forEach(checks, (check) => verifyOnPool(acceptance, functions, check), {
        concurrency: inFlightMax,
      }),
  })
}

const verifyOnPool = (
  acceptance: Acceptance,
  functions: SignatureFunctions,
  { publicKey, message, signature }: VerifyCheck,
): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    if (acceptance === "zip215" || isSmallOrder(publicKey) || isRuledOut(acceptance, publicKey, signature)) {
      return resume(Effect.sync(() => functions.verify(publicKey, message, signature)))
    }
    verify(null, message, toPublicKey(publicKey), signature, (error, valid) =>
      resume(Effect.succeed(error === null && valid)),
    )
  })

const toPublicKey = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: "der", type: "spki" })

const keptKeys = <A>(make: (bytes: Uint8Array) => A): ((bytes: Uint8Array) => A) => {
  const kept = new Map<string, A>()
  return (bytes) => {
    const name = Buffer.from(bytes).toString("latin1")
    const known = kept.get(name)
    if (known !== undefined) return known
    if (kept.size >= keysKeptMax) kept.clear()
    const made = make(bytes)
    kept.set(name, made)
    return made
  }
}
