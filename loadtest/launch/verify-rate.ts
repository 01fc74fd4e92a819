/** The limit beside which throughput is put: Ed25519 checks a second, one thread, nothing else to do. */
import { generateKeyPairSync, sign, verify } from "node:crypto"

/** How many signatures `node:crypto` verifies in a second here and now, tried for so long. */
export const measureVerifyRate = (ms = 1_000): number => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  // As long as what an event's signature covers.
  const messages = Array.from({ length: 64 }, (_, nth) => Buffer.alloc(450, nth + 1))
  const signed = messages.map((message) => ({ message, signature: sign(null, message, privateKey) }))
  const run = (until: number): number => {
    let done = 0
    while (performance.now() < until) {
      for (const { message, signature } of signed) {
        if (!verify(null, message, publicKey, signature)) throw new Error("a good signature does not verify")
      }
      done += signed.length
    }
    return done
  }
  run(performance.now() + ms / 10)
  const started = performance.now()
  const done = run(started + ms)
  return (done / (performance.now() - started)) * 1_000
}
