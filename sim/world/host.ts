/** The machine that a virtual server runs on: what outlives its boots, and what is wrong with it for a while. */
import { Effect } from "effect"
import type { OldKey } from "#spec-impl/homeserver/identity.ts"
import type { EventStore, StoreFailure, StoreGroup } from "#spec-impl/store/event-store.ts"
import { commitNow, type MemoryDisk, memoryStore } from "#spec-impl/store/memory.ts"
import { type Fence, stopped } from "../kernel/fence.ts"

/** The key that a server is set up with; those that came by rotation are in its store. */
export interface KeyFile {
  readonly keyId: string
  /** What its seed is drawn by, beside the server's name. */
  readonly label: readonly string[]
  /** Those that it is told to publish as old ones. */
  readonly oldKeys: readonly OldKey[]
}

/** What is wrong with a disk. */
export interface DiskFault {
  /** Why a group is not kept; undefined where it is. */
  readonly refuse?: (group: StoreGroup) => StoreFailure | undefined
  /** How long a group takes before it is kept, and then until that is known. */
  readonly commitMs?: (group: StoreGroup) => readonly [beforeMs: number, afterMs: number]
  /** How long each read takes longer. */
  readonly readMs?: number
}

export class Host {
  /** Boots find what is here then. */
  disk: MemoryDisk
  keyFile: KeyFile = { keyId: "ed25519:1", label: [], oldKeys: [] }
  readonly diskFaults = new Set<DiskFault>()
  /** The faults that keep its server down: while there is one, no other fault boots it. */
  readonly keptDownBy = new Set<object>()

  constructor(disk: MemoryDisk) {
    this.disk = disk
  }

  /** The store of one boot, on that disk with its faults: what is not kept when the boot ends never is. */
  store(disk: MemoryDisk, fence: Fence): EventStore["Service"] {
    const store = memoryStore(disk)
    const read = <A, E>(reading: Effect.Effect<A, E>): Effect.Effect<A, E> => this.#read(reading)
    return {
      // Called when it is to be done: whoever is before it has a seam there.
      commit: (group) => this.#commit(disk, group, fence),
      prepare: store.prepare,
      get rooms() {
        return read(store.rooms)
      },
      events: (which, visit) => read(store.events(which, visit)),
      eventsNow: store.eventsNow,
      scratch: store.scratch,
      get states() {
        return read(store.states)
      },
      get destinations() {
        return read(store.destinations)
      },
      get outside() {
        return read(store.outside)
      },
      records: (collection) => read(store.records(collection)),
      blob: (collection, key) => read(store.blob(collection, key)),
      answered: (countMax) => read(store.answered(countMax)),
      answer: (origin, transactionId) => read(store.answer(origin, transactionId)),
    }
  }

  #commit(disk: MemoryDisk, group: StoreGroup, fence: Fence): Effect.Effect<void, StoreFailure> {
    if (fence.fallen) return stopped
    if (this.diskFaults.size === 0) return commitNow(disk, group)
    let beforeMs = 0
    let afterMs = 0
    for (const { refuse, commitMs } of this.diskFaults) {
      const failure = refuse?.(group)
      if (failure !== undefined) return failure
      const [before = 0, after = 0] = commitMs?.(group) ?? []
      beforeMs += before
      afterMs += after
    }
    const committing = fence.guard(Effect.suspend(() => commitNow(disk, group)))
    return fence.guard(
      Effect.sleep(beforeMs).pipe(Effect.andThen(committing), Effect.andThen(Effect.sleep(afterMs))),
    )
  }

  #read<A, E>(reading: Effect.Effect<A, E>): Effect.Effect<A, E> {
    if (this.diskFaults.size === 0) return reading
    let ms = 0
    for (const { readMs = 0 } of this.diskFaults) ms += readMs
    return ms === 0 ? reading : Effect.delay(reading, ms)
  }
}
