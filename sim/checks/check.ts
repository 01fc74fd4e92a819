/** What a checker is: something that must hold in every run, whatever goes wrong in it. */
import type { Resolve } from "#spec-impl/core/state-resolution/resolve.ts"
import type { Signatures } from "#spec-impl/homeserver/signatures/signatures.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { TraceRecord } from "../kernel/trace.ts"
import type { VirtualServer } from "../world/world.ts"

/** An event that a server has said yes to: its user was told that it is sent. */
export interface Acknowledged {
  readonly server: string
  readonly roomId: string
  readonly eventId: string
}

/** A message to devices that its sender was told is sent. */
export interface MessageToDevice {
  readonly sender: string
  readonly target: string
  /** Those of the target that it was for and that were there. */
  readonly devices: readonly string[]
  /** The entry of the plan, which is what it says. */
  readonly from: string
}

/** What checkers see: servers as they are, and what was told to users. */
export interface CheckedWorld {
  readonly kernel: Kernel
  /** The boot of each server that is up, or was up last. */
  readonly servers: ReadonlyMap<string, VirtualServer>
  /** State resolution and the verifying of signatures as they are without a mutant. */
  readonly resolve: Resolve
  readonly verify: Signatures["Service"]["verify"]
  /** Servers that sign nothing that the rules forbid. */
  readonly honest: readonly string[]
  /** All users that there may be. */
  readonly users: readonly string[]
  /** Servers that came back on a backup: what they forget is lost by nobody's fault. */
  readonly rolledBack: ReadonlySet<string>
  /** Whether answers were altered on their way: nobody can tell of those that are not signed. */
  readonly isAltered: boolean
  /** In the order in which they were said. */
  readonly acknowledged: readonly Acknowledged[]
  /** One-time keys that users were given: user, device, key id. */
  readonly claimed: readonly string[]
  readonly sentToDevices: readonly MessageToDevice[]
  /** Devices that somebody logged out, whatever came of it: user, device. */
  readonly loggedOut: ReadonlySet<string>
}

/** Checks one run: one sentence for each thing that is wrong. */
export interface Watch {
  /** After each thing that goes into the trace. */
  readonly onRecord?: (record: TraceRecord) => readonly string[]
  /** After each group that a server has kept. */
  readonly onCommit?: (server: string, group: StoreGroup) => readonly string[]
  /** When all is healed and quiet. */
  readonly atEnd?: () => readonly string[]
}

export interface Check {
  readonly name: string
  /** What must hold, for people. */
  readonly about: string
  /** Begins to watch a run. */
  readonly watch: (world: CheckedWorld) => Watch
}
