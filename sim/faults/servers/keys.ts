/** Signing keys that change, are lost, or are another's. */
import { Clock, Effect, Schema } from "effect"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import type { OldKey } from "#spec-impl/homeserver/identity.ts"
import { drawPair, drawServer } from "../draws.ts"
import { defineFault, type FaultWorld, faultKey, serverNamed } from "../fault.ts"
import { wanted } from "../fields.ts"

/** The collection in which a server keeps the keys that it made itself (`homeserver/identity.ts`). */
const collection = "signing-keys"
const serverField = wanted(Schema.String, "the server")

/** A server that is down, or whose disk is full, goes on with the key that it has. */
const rotated = (world: FaultWorld, server: string) =>
  Effect.suspend(() => {
    const { identity, isDown } = serverNamed(world, server)
    return isDown() ? Effect.void : Effect.ignore(identity.rotateKey)
  })

export const keyRotation = defineFault({
  name: "key-rotation",
  family: "servers",
  standsFor: "an administrator who changes the signing key, as one should; the old one is published as such",
  fields: { server: serverField },
  draw: (draws, servers) => ({ fault: "key-rotation", server: drawServer(draws, servers) }),
  apply: (world, { server }) => rotated(world, server),
})

const crashed = (world: FaultWorld, server: string) =>
  Effect.suspend(() => {
    const boot = serverNamed(world, server)
    return boot.isDown() ? Effect.void : boot.crash
  })

export const keyLoss = defineFault({
  name: "key-loss",
  family: "servers",
  standsFor:
    "a server that was set up anew after its signing key was lost, without a copy: who has not fetched the old key " +
    "cannot verify what it signed. Undone, the public half is found again, and published as an old key",
  fields: { server: serverField },
  draw: (draws, servers) => ({ fault: "key-loss", server: drawServer(draws, servers) }),
  apply: (world, fault) =>
    Effect.acquireRelease(
      Effect.gen(function* () {
        const { server } = fault
        const { host, identity } = serverNamed(world, server)
        const { signingKey, oldKeys } = identity
        const expiredTs = yield* Clock.currentTimeMillis
        const lost: readonly OldKey[] = [
          ...oldKeys,
          { keyId: signingKey.keyId, publicKey: signingKey.publicKey, expiredTs },
        ]
        yield* crashed(world, server)
        host.disk.records.delete(collection)
        const label = [...faultKey(fault), String(world.kernel.elapsedMs)]
        const bytes = world.kernel.chance.bytes(4, ...label, "key-id")
        const keyId = `ed25519:new_${Buffer.from(bytes).toString("hex")}`
        host.keyFile = { keyId, label, oldKeys: [] }
        yield* world.restart(server)
        return lost
      }),
      (lost) =>
        Effect.gen(function* () {
          const { server } = fault
          const { host } = serverNamed(world, server)
          yield* crashed(world, server)
          host.keyFile = { ...host.keyFile, oldKeys: [...host.keyFile.oldKeys, ...lost] }
          yield* world.restart(server)
        }),
    ),
})

export const keyReuse = defineFault({
  name: "key-reuse",
  family: "servers",
  standsFor:
    "a server that was set up with the signing key of another: one that got a new name and kept its key, or was cloned " +
    "from the same image. Undone, it makes a key of its own",
  fields: { server: serverField, of: wanted(Schema.String, "the server whose key it signs with") },
  draw: (draws, servers) => {
    const [server, of] = drawPair(draws, servers)
    return { fault: "key-reuse", server, of }
  },
  apply: (world, fault) =>
    Effect.acquireRelease(
      Effect.gen(function* () {
        const { host, identity } = serverNamed(world, fault.server)
        const { keyId, seed } = serverNamed(world, fault.of).identity.signingKey
        const value = { seed: encodeBase64(seed), nth: identity.oldKeys.length + 2 }
        yield* crashed(world, fault.server)
        const records = host.disk.records.get(collection) ?? new Map()
        // Of its own there may be one of that id, and it may have shared another's before: who knows that one would not
        // believe a second one of the same id.
        const shared = `ed25519:shared_${keyId.slice("ed25519:".length)}`
        const ownId = records.has(shared) ? `${shared}_${records.size}` : shared
        host.disk.records.set(collection, records.set(ownId, value))
        yield* world.restart(fault.server)
      }),
      () => rotated(world, fault.server),
    ),
})
