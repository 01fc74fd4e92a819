/** What signatures cost: `netsplit bench sign`. */
import { memoised } from "#spec-impl/homeserver/signatures/memo.ts"
import { nativeDefault, nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { nobleSignatures } from "#spec-impl/homeserver/signatures/noble.ts"
import { besideFirst, type Figure } from "./figure.ts"

const seed = new Uint8Array(32).fill(3)
const message = new Uint8Array(600).fill(7)

/** On a message of 600 bytes, beside OpenSSL's verification. */
export const signFigures = (): readonly Figure[] => {
  const node = nativeSignatures("libsodium", "node")
  const noble = nobleSignatures("libsodium")
  const native = nativeSignatures("libsodium")
  const memo = memoised(native)
  const publicKey = node.publicKey(seed)
  const signature = node.sign(seed, message)
  return besideFirst([
    { name: "node:crypto verify", calls: 500, work: () => node.verify(publicKey, message, signature) },
    { name: "node:crypto sign", calls: 500, work: () => node.sign(seed, message) },
    {
      name: `${nativeDefault} verify`,
      calls: 500,
      work: () => native.verify(publicKey, message, signature),
    },
    { name: `${nativeDefault} sign`, calls: 500, work: () => native.sign(seed, message) },
    { name: "noble verify", calls: 20, work: () => noble.verify(publicKey, message, signature) },
    { name: "noble sign", calls: 20, work: () => noble.sign(seed, message) },
    {
      name: "a verdict that is remembered",
      calls: 2_000,
      work: () => memo.verify(publicKey, message, signature),
    },
  ])
}
