/** Who asks, and then does not take the answer, does not hold it for ever. */
import { once } from "node:events"
import { connect } from "node:net"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { federationLimits } from "./limits.ts"
import { listen } from "./listener.ts"

it("an answer that is not taken in time is given up, and with it the connection", () =>
  Effect.gen(function* () {
    const limits = { ...federationLimits, answerMsMax: 200 }
    const body = new Uint8Array(32 * 1_048_576)
    const listener = yield* listen({ host: "127.0.0.1", port: 0, limits }, () =>
      Effect.succeed({ status: 200, headers: {}, body }),
    )
    yield* Effect.promise(async () => {
      const socket = connect({ host: "127.0.0.1", port: Number(listener.address.split(":")[1]) })
      socket.pause()
      socket.on("error", () => undefined)
      socket.write("GET / HTTP/1.1\r\nHost: slow.test\r\n\r\n")
      await new Promise((resolve) => setTimeout(resolve, 1_500))
      let bytes = 0
      socket.on("data", (chunk: Buffer) => {
        bytes += chunk.length
      })
      socket.resume()
      await once(socket, "close")
      expect(bytes).toBeLessThan(body.length)
    })
  }).pipe(Effect.scoped, Effect.runPromise))
