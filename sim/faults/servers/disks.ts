/** Disks that are full, slow, or of the day before. */
import { Effect, Schema } from "effect"
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { StoreFailure, type StoreGroup } from "#spec-impl/store/event-store.ts"
import { groupBytes } from "../../world/group-bytes.ts"
import type { DiskFault } from "../../world/host.ts"
import { drawMs, drawServer, drawShare, drawSome } from "../draws.ts"
import { defineFault, type FaultWorld, faultKey, serverNamed } from "../fault.ts"
import { Milliseconds, Names, Share, wanted, withDefault } from "../fields.ts"

const serversField = wanted(Names, "the servers whose disks it is about")

/** What its draws are keyed by: what is written, never how much was before. */
const digestOf = (group: StoreGroup): string => encodeBase64Url(sha256(groupBytes(group)))

const disturb = (world: FaultWorld, servers: readonly string[], faultOf: (server: string) => DiskFault) =>
  Effect.forEach(
    servers,
    (server) => {
      const fault = faultOf(server)
      return Effect.acquireRelease(
        Effect.sync(() => void serverNamed(world, server).host.diskFaults.add(fault)),
        () => Effect.sync(() => void serverNamed(world, server).host.diskFaults.delete(fault)),
      )
    },
    { discard: true },
  )

export const diskFull = defineFault({
  name: "disk-full",
  family: "servers",
  standsFor:
    "no space left on the device: what the server would keep it cannot, and so it must not acknowledge it",
  fields: {
    servers: serversField,
    share: withDefault(Share, 1, "the part of all writes that fail, each group drawn by what it holds"),
  },
  draw: (draws, servers) => ({
    fault: "disk-full",
    servers: [drawServer(draws, servers)],
    share: draws.chance(0.5, "whole") ? 1 : drawShare(draws, 0.05, 0.5),
  }),
  apply: (world, fault) =>
    disturb(world, fault.servers, (server) => ({
      refuse: (group) =>
        world.kernel.chance.chance(fault.share, ...faultKey(fault), server, digestOf(group))
          ? new StoreFailure({ reason: "full", detail: "no space left on device" })
          : undefined,
    })),
})

export const diskLatency = defineFault({
  name: "disk-latency",
  family: "servers",
  standsFor:
    "a disk that is busy or failing: each write takes its time before it is kept, and again until that is known",
  fields: {
    servers: serversField,
    commitMsMin: withDefault(Milliseconds, 10, "how long a write takes at least"),
    commitMsMax: withDefault(Milliseconds, 500, "how long it takes at most"),
    readMs: withDefault(Milliseconds, 0, "how long each read takes"),
  },
  draw: (draws, servers) => ({
    fault: "disk-latency",
    servers: drawSome(draws, servers),
    commitMsMin: drawMs(draws, 1, 20, "min"),
    commitMsMax: drawMs(draws, 20, 5_000, "max"),
    readMs: drawMs(draws, 1, 200, "read"),
  }),
  apply: (world, fault) =>
    disturb(world, fault.servers, (server) => ({
      readMs: fault.readMs,
      commitMs: (group) => {
        const { chance } = world.kernel
        const key = [...faultKey(fault), server, digestOf(group)]
        const spread = Math.max(0, fault.commitMsMax - fault.commitMsMin)
        const ms = fault.commitMsMin + chance.integer(spread + 1, ...key, "ms")
        const beforeMs = chance.integer(ms + 1, ...key, "before")
        return [beforeMs, ms - beforeMs]
      },
    })),
})

export const storeRollback = defineFault({
  name: "store-rollback",
  family: "servers",
  standsFor:
    "the disk is lost, and the server comes back on a backup: whatever it kept since then it has never heard of, though " +
    "others have",
  fields: {
    server: wanted(Schema.String, "the server"),
    afterMs: withDefault(
      Milliseconds,
      60_000,
      "how old the backup is when it is needed: it is taken when the fault begins",
    ),
  },
  draw: (draws, servers) => ({
    fault: "store-rollback",
    server: drawServer(draws, servers),
    afterMs: drawMs(draws, 1_000, 600_000),
  }),
  apply: (world, { server, afterMs }) =>
    Effect.gen(function* () {
      const { host } = serverNamed(world, server)
      const backup = host.disk.copy()
      const comeBack = Effect.gen(function* () {
        const boot = serverNamed(world, server)
        if (!boot.isDown()) yield* boot.crash
        world.kernel.trace.record("rollback", server)
        host.disk = backup
        yield* world.restart(server)
      })
      yield* Effect.sleep(afterMs).pipe(
        Effect.andThen(Effect.uninterruptible(comeBack)),
        Effect.forkScoped({ startImmediately: true }),
      )
    }),
})
