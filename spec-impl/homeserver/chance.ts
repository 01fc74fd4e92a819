/** Chance, as far as the protocol needs it: the entropy of keys, room ids and the like. */
import { Context, Layer } from "effect"

export class Chance extends Context.Service<
  Chance,
  {
    /**
     * Random bytes. `key` says what for; a simulator draws by it, so that no draw depends on how many came
     * before it, and gives the same bytes for the same key.
     */
    readonly bytes: (length: number, ...key: readonly string[]) => Uint8Array
  }
>()("netsplit/Chance") {
  /** Real chance: each draw is new, whatever its key. */
  static readonly layerRandom = Layer.succeed(Chance, {
    bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  })
}
