/** Signatures by machine code: the hot path. By libsodium where it was built for this machine, else by OpenSSL. */
import { Effect, Layer } from "effect"
import { type Acceptance, isRuledOutKey, isRuledOutSignature } from "./acceptance.ts"
import { isSmallOrder } from "./encodings.ts"
import { memoByKey } from "./key-memo.ts"
import { synchronously, verifyWithCofactor, verifyWithoutCofactor } from "./noble.ts"
import { nodeCrypto } from "./node-crypto.ts"
import { type NativeName, type SignatureFunctions, Signatures, type VerifyCheck } from "./signatures.ts"
import { sodium } from "./sodium.ts"
import { verifyBeside } from "./verify-beside.ts"
import { VerifyThreads } from "./verify-threads.ts"

/** The libraries that there are on this machine. */
export const natives: Readonly<Partial<Record<NativeName, SignatureFunctions>>> = {
  ...(sodium && { sodium }),
  node: nodeCrypto,
}

/** The fastest of them. */
export const nativeDefault: NativeName = sodium === undefined ? "node" : "sodium"

const functionsOf = (name: NativeName): SignatureFunctions => {
  const functions = natives[name]
  if (functions === undefined) throw new Error(`${name} signatures: there is no build for this machine`)
  return functions
}

type Route = "ruled-out" | "noble" | "native"

/** Who can say whether a signature is accepted: the libraries differ where small orders are allowed. */
const routesBy = (acceptance: Acceptance): ((publicKey: Uint8Array, signature: Uint8Array) => Route) => {
  const routeOfKey = memoByKey((publicKey): Route => {
    if (isRuledOutKey(acceptance, publicKey)) return "ruled-out"
    return acceptance === "zip215" || isSmallOrder(publicKey) ? "noble" : "native"
  })
  return (publicKey, signature) => {
    const route = routeOfKey(publicKey)
    if (route === "ruled-out" || isRuledOutSignature(acceptance, signature)) return "ruled-out"
    return acceptance === "rfc8032" && isSmallOrder(signature) ? "noble" : route
  }
}

/** The functions of a library, accepting what `acceptance` says. */
export const nativeSignatures = (
  acceptance: Acceptance,
  name = nativeDefault,
  routeOf = routesBy(acceptance),
): SignatureFunctions => {
  const functions = functionsOf(name)
  const verifyByNoble = acceptance === "zip215" ? verifyWithCofactor : verifyWithoutCofactor
  return {
    ...functions,
    verify: (publicKey, message, signature) => {
      const route = routeOf(publicKey, signature)
      if (route === "native") return functions.verify(publicKey, message, signature)
      return route === "noble" && verifyByNoble(publicKey, message, signature)
    },
  }
}

/** The layer of the simulator: synchronous throughout. */
export const layerNative = (acceptance: Acceptance, name = nativeDefault): Layer.Layer<Signatures> =>
  Layer.succeed(Signatures, synchronously(nativeSignatures(acceptance, name)))

/**
 * The layer of a real server: many are verified off the main thread, where that is worth the way there; until the scope
 * is closed.
 */
export const layerNativeThreaded = (
  acceptance: Acceptance,
  name = nativeDefault,
): Layer.Layer<Signatures> => {
  const routeOf = routesBy(acceptance)
  const functions = nativeSignatures(acceptance, name, routeOf)
  // What noble alone can do stays here.
  if (acceptance === "zip215") return Layer.succeed(Signatures, synchronously(functions))
  const isForThreads = ({ publicKey, signature }: VerifyCheck): boolean =>
    routeOf(publicKey, signature) === "native"
  return Layer.effect(
    Signatures,
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => new VerifyThreads(functions.verify, name)),
        (threads) => Effect.callback<void>((resume) => void threads.end().then(() => resume(Effect.void))),
      ),
      (threads) => ({ ...functions, begin: () => verifyBeside(threads, functions.verify, isForThreads) }),
    ),
  )
}
