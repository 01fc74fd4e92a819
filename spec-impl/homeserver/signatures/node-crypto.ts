/** Ed25519 by node:crypto (OpenSSL). */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto"
import { memoByKey } from "./key-memo.ts"
import type { SignatureFunctions } from "./signatures.ts"

/** DER before the 32 bytes of a public key and of a seed (RFC 8410 §4, §7). */
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")

const publicKeyOf = memoByKey((publicKey) =>
  createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: "der", type: "spki" }),
)
const privateKeyOf = memoByKey((seed) =>
  createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: "der", type: "pkcs8" }),
)
const publicOf = memoByKey((seed) => {
  const exported = createPublicKey(privateKeyOf(seed)).export({ format: "der", type: "spki" })
  return new Uint8Array(exported.subarray(publicPrefix.length))
})

/** Verifies without the cofactor, and has its own verdict on keys of small order. */
export const nodeCrypto: SignatureFunctions = {
  publicKey: publicOf,
  sign: (seed, message) => new Uint8Array(sign(null, message, privateKeyOf(seed))),
  verify: (publicKey, message, signature) => verify(null, message, publicKeyOf(publicKey), signature),
}
