/** Whether this server can be asked yet. */
import { Context, Latch } from "effect"

/**
 * Open once others can ask this server: what it sends before, and they ask back about in vain, they drop for good. It is
 * open from the beginning unless who boots the server closes it.
 */
export const Listening = Context.Reference<Latch.Latch>("netsplit/Listening", {
  defaultValue: () => Latch.makeUnsafe(true),
})
