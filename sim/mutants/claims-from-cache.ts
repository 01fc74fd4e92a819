import { Context, Effect } from "effect"
import { canonicalJson } from "#spec-impl/core/json/encode.ts"
import { type Claimed, OneTimeKeys } from "#spec-impl/federation/encryption/one-time-keys.ts"
import type { Mutant } from "./mutant.ts"

export const claimsFromCache: Mutant = {
  name: "claims-from-cache",
  wrong: "whoever claims one-time keys of the same devices as somebody before gets the same keys",
  killedBy: "once-only",
  mutation: {
    services: (services) => {
      const keys = Context.get(services, OneTimeKeys)
      const given = new Map<string, Claimed>()
      return Context.make(OneTimeKeys, {
        ...keys,
        claimLocal: (claim) =>
          Effect.suspend(() => {
            const name = canonicalJson(claim)
            const known = given.get(name)
            return known === undefined
              ? Effect.tap(keys.claimLocal(claim), (claimed) =>
                  Effect.sync(() => void given.set(name, claimed)),
                )
              : Effect.succeed(known)
          }),
      })
    },
  },
}
