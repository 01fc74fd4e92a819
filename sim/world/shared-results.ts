/** What the virtual servers of one run share (DESIGN.md, principle 12). */
import { type Readings, readingsDefault } from "#spec-impl/core/readings.ts"
import { ResolutionMemo } from "#spec-impl/core/state-resolution/resolution-memo.ts"
import { resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import { memoised } from "#spec-impl/homeserver/signatures/memo.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"

export interface MemoHits {
  readonly signatures: number
  readonly resolutions: number
}

export interface SharingOptions {
  readonly readings?: Partial<Readings>
  /** Whether results of pure functions are shared at all: the trace is the same either way. */
  readonly memo?: boolean
}

/** What the servers of a run share: pure functions, with their results unless the run is to do without. */
export const sharedResults = (options: SharingOptions) => {
  const readings = { ...readingsDefault, ...options.readings }
  const isOn = options.memo ?? true
  const plain = nativeSignatures(readings.signatureAcceptance)
  const signatures = memoised(plain)
  const resolutions = new ResolutionMemo()
  return {
    signatures: synchronously(isOn ? signatures : plain),
    settings: { readings, resolve: isOn ? resolutions.share(resolve) : resolve },
    hits: (): MemoHits => ({ signatures: signatures.hits(), resolutions: resolutions.hits }),
  }
}
