/** Who says no more may still listen; who waits for news like that has most likely gone. */
import { once } from "node:events"
import { connect } from "node:net"
import { Deferred, Effect } from "effect"
import { expect, it } from "vitest"
import { federationLimits } from "./limits.ts"
import { listen } from "./listener.ts"

/** What becomes of a request whose sender says no more after it, at a server that takes that long to answer. */
const askAndSayNoMore = (method: string, answerAfterMs: number) =>
  Effect.gen(function* () {
    const outcome = yield* Deferred.make<"done" | "interrupted">()
    const answer = Effect.sleep(answerAfterMs).pipe(
      Effect.as({ status: 200, headers: {}, body: new Uint8Array() }),
      Effect.tap(() => Deferred.succeed(outcome, "done")),
      Effect.onInterrupt(() => Deferred.succeed(outcome, "interrupted")),
    )
    const listener = yield* listen({ host: "127.0.0.1", port: 0, limits: federationLimits }, () => answer)
    const received = yield* Effect.promise(async () => {
      const chunks: Buffer[] = []
      const socket = connect({ host: "127.0.0.1", port: Number(listener.address.split(":")[1]) })
      socket.on("data", (chunk: Buffer) => chunks.push(chunk))
      socket.end(`${method} / HTTP/1.1\r\nHost: half.test\r\nContent-Length: 0\r\n\r\n`)
      await once(socket, "close")
      return Buffer.concat(chunks).toString().slice(0, 15)
    })
    return { received, outcome: yield* Deferred.await(outcome) }
  }).pipe(Effect.scoped, Effect.runPromise)

it("an answer that does not come at once comes", async () => {
  expect(await askAndSayNoMore("GET", 50)).toEqual({ received: "HTTP/1.1 200 OK", outcome: "done" })
})

it("who waits for news waits in vain, and takes nothing from others", async () => {
  expect(await askAndSayNoMore("GET", 30_000)).toEqual({ received: "", outcome: "interrupted" })
})

it("what is to be done is done, however long it takes", async () => {
  expect(await askAndSayNoMore("PUT", 3_000)).toEqual({ received: "HTTP/1.1 200 OK", outcome: "done" })
})
