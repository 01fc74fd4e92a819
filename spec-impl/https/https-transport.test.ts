/** Which connections are kept, and for whom. */
import { createServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { IpNetwork } from "effect/net"
import { allowing } from "./address-policy.ts"
import { layerHttpsTransport } from "./https-transport.ts"
import { SecureTransport } from "./secure-transport.ts"
import { fixture } from "./testing/loopback.ts"

const options = {
  authorities: [fixture("authority.pem")],
  allows: allowing([IpNetwork.fromStringUnsafe("127.0.0.0/8")]),
}

/** Says on the how manieth connection a request came; drops a connection at the `dropsAt`th request that comes by it. */
const countingServer = Effect.fnUntraced(function* (dropsAt = Number.POSITIVE_INFINITY) {
  const connections = new Map<Socket, { readonly number: number; requests: number }>()
  const server = createServer(
    { key: fixture("server.key"), cert: fixture("valid.pem") },
    ({ socket, method }, outgoing) => {
      const connection = connections.get(socket) ?? { number: connections.size + 1, requests: 0 }
      connections.set(socket, connection)
      connection.requests += 1
      if (connection.requests >= dropsAt) socket.destroy()
      else outgoing.end(`${method} by ${connection.number}`)
    },
  )
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => server.close().closeAllConnections()),
  )
  return (server.address() as AddressInfo).port
})

const ask = (port: number, method: string, certificateName = "two.test") =>
  SecureTransport.pipe(
    Effect.flatMap(({ exchange }) =>
      exchange(
        { address: "127.0.0.1", port, host: certificateName, certificateName },
        {
          source: "one.test",
          destination: "two.test",
          method,
          target: "/",
          headers: {},
          body: new Uint8Array(0),
        },
        1_000,
      ),
    ),
    Effect.map(({ body }) => new TextDecoder().decode(body)),
    Effect.catch(({ reason }) => Effect.succeed(reason)),
  )

it.live("a connection is kept for the next request, but for no other certificate name", () =>
  Effect.gen(function* () {
    const port = yield* countingServer()
    expect(yield* ask(port, "GET")).toBe("GET by 1")
    expect(yield* ask(port, "PUT")).toBe("PUT by 1")
    expect(yield* ask(port, "GET", "dh.test")).toBe("GET by 2")
    expect(yield* ask(port, "GET", "three.test")).toBe("bad-certificate")
    expect(yield* ask(port, "GET")).toBe("GET by 1")
  }).pipe(Effect.provide(layerHttpsTransport(options))),
)

it.live(
  "what is lost with a kept connection is sent once more, but never a POST, which takes a new one",
  () =>
    Effect.gen(function* () {
      const port = yield* countingServer(2)
      expect(yield* ask(port, "GET")).toBe("GET by 1")
      expect(yield* ask(port, "POST")).toBe("POST by 2")
      expect(yield* ask(port, "PUT")).toBe("PUT by 3")
    }).pipe(Effect.provide(layerHttpsTransport(options))),
)

it.live("what is lost with a new connection is not sent again", () =>
  Effect.gen(function* () {
    const port = yield* countingServer(1)
    expect(yield* ask(port, "PUT")).toBe("reset")
  }).pipe(Effect.provide(layerHttpsTransport(options))),
)
