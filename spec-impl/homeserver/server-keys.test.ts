/** Keys that a server publishes are read back as far as they are believed. */
import { expect, it } from "vitest"
import { signJson } from "../core/signing.ts"
import { keyFromByte, nativeSignatures } from "../federation/testing/servers.ts"
import { publishedKeys, readServerKeys } from "./server-keys.ts"

const signingKey = keyFromByte("ed25519:a", 1)
const oldKey = { ...keyFromByte("ed25519:old", 2), expiredTs: 5 }
const identity = { serverName: "one.test", signingKey, oldKeys: [oldKey] }

const read = (validUntilTs: number) =>
  readServerKeys(publishedKeys(identity, validUntilTs, nativeSignatures), "one.test", nativeSignatures)

it("what is published is read back", () => {
  expect(read(100)).toEqual({
    keys: {
      validUntilTs: 100,
      verifyKeys: new Map([["ed25519:a", signingKey.publicKey]]),
      oldVerifyKeys: new Map([["ed25519:old", { publicKey: oldKey.publicKey, expiredTs: 5 }]]),
    },
  })
})

it("keys of other algorithms are passed over, each Ed25519 key must have signed", () => {
  const { signatures: _, ...keys } = publishedKeys(identity, 100, nativeSignatures)
  const second = keyFromByte("ed25519:b", 3)
  const both = {
    ...keys,
    verify_keys: {
      ...(keys.verify_keys as object),
      "ed25519:b": { key: Buffer.from(second.publicKey).toString("base64url") },
      "dilithium:1": { key: 7 },
    },
  }
  const once = signJson(both, "one.test", signingKey.keyId, (bytes) =>
    nativeSignatures.sign(signingKey.seed, bytes),
  )
  const twice = signJson(once, "one.test", second.keyId, (bytes) => nativeSignatures.sign(second.seed, bytes))
  expect(readServerKeys(once, "one.test", nativeSignatures)).toEqual({
    problem: "ed25519:b has not signed them",
  })
  expect(readServerKeys(twice, "one.test", nativeSignatures)).toMatchObject({
    keys: {
      verifyKeys: new Map([
        ["ed25519:a", signingKey.publicKey],
        ["ed25519:b", second.publicKey],
      ]),
    },
  })
})

it("an object of more keys than anybody has is not believed", () => {
  const old = Array.from({ length: 1_000 }, (_, nth) => ({ ...oldKey, keyId: `ed25519:old${nth}` }))
  const published = publishedKeys({ ...identity, oldKeys: old }, 100, nativeSignatures)
  expect(readServerKeys(published, "one.test", nativeSignatures)).toEqual({
    problem: "there are too many keys",
  })
  expect(
    readServerKeys(
      publishedKeys({ ...identity, oldKeys: old.slice(0, 400) }, 100, nativeSignatures),
      "one.test",
      nativeSignatures,
    ),
  ).toHaveProperty("keys")
})
