/** How much is kept of keys that strangers make up. */
import { Effect } from "effect"
import { expect, it } from "vitest"
import { keyFromByte } from "../federation/testing/servers.ts"
import { EventStore } from "../store/event-store.ts"
import { layerMemory, MemoryDisk } from "../store/memory.ts"
import { keyHolders } from "./key-holders.ts"
import { Settings } from "./settings.ts"

const { publicKey } = keyFromByte("ed25519:a", 1)
const keys = { validUntilTs: 100, verifyKeys: new Map([["ed25519:a", publicKey]]), oldVerifyKeys: new Map() }

it("of twenty thousand servers that gave keys, the one that was heard of longest ago makes room", () =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const { holderOf, keep } = yield* keyHolders
    const hear = (server: string) =>
      Effect.suspend(() => {
        const holder = holderOf(server)
        holder.keys.learn(keys, "itself", 0)
        return keep([holder])
      })
    for (let nth = 0; nth < 20_000; nth++) yield* hear(`s${nth}.test`)
    yield* hear("s0.test")
    yield* hear("another.test")
    const isKnown = (server: string) => holderOf(server).keys.has("ed25519:a")
    expect(["s0.test", "s1.test", "s2.test", "another.test"].map(isKnown)).toEqual([true, false, true, true])
    const kept = (yield* store.records("server-keys")).map(([server]) => server)
    expect(kept).toHaveLength(20_000)
    expect(kept).not.toContain("s1.test")
  }).pipe(Effect.provide([Settings.layer({}), layerMemory(new MemoryDisk())]), Effect.runPromise))
