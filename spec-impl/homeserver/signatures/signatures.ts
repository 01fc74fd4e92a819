/** Ed25519, as the specification wants it (appendices §Signing Details: what NaCl does). */
import { Context, type Effect } from "effect"

/** One signature to verify. */
export interface VerifyCheck {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** The synchronous half: plain functions, so that their results can be kept. */
export interface SignatureFunctions {
  /** The public key of a 32-byte seed. */
  readonly publicKey: (seed: Uint8Array) => Uint8Array
  readonly sign: (seed: Uint8Array, message: Uint8Array) => Uint8Array
  /** False for anything malformed; never throws. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
}

/** A library of machine code that signs and verifies: libsodium, or OpenSSL by node:crypto. */
export type NativeName = "sodium" | "node"

/** Many checks, verified while whoever gives them goes on: a real server does it off its main thread. */
export interface Verification {
  readonly add: (checks: readonly VerifyCheck[]) => void
  /** All verdicts, in the order in which the checks were added. Nothing is added after that. */
  readonly verdicts: Effect.Effect<readonly boolean[]>
}

export class Signatures extends Context.Service<
  Signatures,
  SignatureFunctions & { readonly begin: () => Verification }
>()("netsplit/Signatures") {}
