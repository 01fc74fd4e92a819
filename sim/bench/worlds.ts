/** The worlds of `netsplit bench sim`, in the order in which they are measured: the least memory first. */
import type { BenchWorld } from "./bench-world.ts"
import { day } from "./day.ts"
import { partitionedRoom } from "./partitioned-room.ts"

/** As most servers ask matrix.org for the keys of a room's servers before these (Synapse's `trusted_key_servers`). */
const askingNotary = { notaries: ["s1"], notariesFirst: true }

export const benchWorlds: readonly BenchWorld[] = [
  day({ name: "day", servers: 10, events: 14_400, usersPerServer: 3 }),
  partitionedRoom({ name: "hundred", servers: 100, settings: askingNotary }),
  // Each has 666 others out of reach: who is not, is not tried again at once (Synapse waits ten minutes).
  partitionedRoom({ name: "thousand", servers: 1_000, settings: { ...askingNotary, retryMsMin: 30_000 } }),
]
