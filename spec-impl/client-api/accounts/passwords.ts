/** How passwords are kept: what scrypt (RFC 7914) derives from them with a salt of their own. */
import { scrypt, scryptSync, timingSafeEqual } from "node:crypto"
import { Context, Effect } from "effect"
import { decodeBase64, encodeBase64 } from "../../core/base64.ts"
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json/value.ts"

/** The work that one derivation is, about 50 ms on one core, in 16 MiB. */
const cost = 16_384
const keyBytes = 32

/** What scrypt derives from a password, salt and cost. */
type Derive = (password: string, salt: Uint8Array, cost: number) => Effect.Effect<Uint8Array>

/** On the calling thread: the simulator's way. */
const deriveHere: Derive = (password, salt, cost) =>
  Effect.sync(() => scryptSync(password, salt, keyBytes, { cost }))

/** On a thread of node's pool, while this one answers others: for a server of the real world. */
export const deriveBeside: Derive = (password, salt, cost) =>
  Effect.callback((resume) => {
    scrypt(password, salt, keyBytes, { cost }, (error, key) =>
      resume(error === null ? Effect.succeed(key) : Effect.die(error)),
    )
  })

/** Where keys are derived. */
export const DeriveKey = Context.Reference<Derive>("netsplit/client-api/DeriveKey", {
  defaultValue: () => deriveHere,
})

/** What is kept of `password`. */
export const hashPassword = Effect.fnUntraced(function* (password: string, salt: Uint8Array) {
  const derive = yield* DeriveKey
  const key = yield* derive(password.normalize("NFC"), salt, cost)
  return { salt: encodeBase64(salt), key: encodeBase64(key), cost } satisfies JsonObject
})

/**
 * Whether `password` is the one of which that is kept. Where nothing is kept it is not, and that takes as long: who
 * guesses does not learn who has an account.
 */
export const isPassword = Effect.fnUntraced(function* (password: string, kept: JsonValue | undefined) {
  const derive = yield* DeriveKey
  const known = readKept(kept)
  const { salt, key } = known ?? { salt: new Uint8Array(16), key: new Uint8Array(keyBytes) }
  const derived = yield* derive(password.normalize("NFC"), salt, known?.cost ?? cost)
  return timingSafeEqual(derived, key) && known !== undefined
})

const readKept = (kept: JsonValue | undefined) => {
  if (!isJsonObject(kept) || typeof kept.salt !== "string" || typeof kept.key !== "string") return undefined
  const [salt, key] = [decodeBase64(kept.salt), decodeBase64(kept.key)]
  return salt === undefined || key?.length !== keyBytes || typeof kept.cost !== "number"
    ? undefined
    : { salt, key, cost: kept.cost }
}
