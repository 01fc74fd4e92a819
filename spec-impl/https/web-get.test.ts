/** Web servers that a stranger names: real TLS on the loopback interface, which is allowed here and nowhere else. */
import * as NodeDns from "@effect/platform-node/NodeDns"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { IpNetwork } from "effect/net"
import { keyFromByte, layerIdentity } from "../federation/testing/servers.ts"
import { WebClient } from "../federation/web-client.ts"
import { allowing } from "./address-policy.ts"
import { type HttpsOptions, layerHttpsTransport } from "./https-transport.ts"
import { fixture, serveTls } from "./testing/loopback.ts"
import { layerWebClient } from "./web-get.ts"

const authorities = [fixture("authority.pem")]
const loopback: HttpsOptions = { authorities, allows: allowing([IpNetwork.fromStringUnsafe("127.0.0.0/8")]) }

/** The answer at that URL, or why there is none. */
const get = (url: string, answerBytesMax: number, options: HttpsOptions) =>
  WebClient.pipe(
    Effect.flatMap((web) => web.get(new URL(url), answerBytesMax)),
    Effect.map(({ status, body }) => `${status} ${new TextDecoder().decode(body)}`),
    Effect.catch(({ reason }) => Effect.succeed(reason)),
    Effect.provide(
      layerWebClient.pipe(
        Layer.provide([
          NodeDns.layer,
          layerHttpsTransport(options),
          layerIdentity("one.test", keyFromByte("ed25519:a", 1)),
        ]),
      ),
    ),
  )

it.live(
  "are asked without a signature, for no more than is wanted, and at no address that is not public",
  () =>
    Effect.gen(function* () {
      const { port, heard } = yield* serveTls("valid", () => ({ status: 201, body: "from afar" }))
      const url = `https://127.0.0.1:${port}/media/a%20b?c`
      expect(yield* get(url, 9, loopback)).toBe("201 from afar")
      expect(heard).toMatchObject([
        { method: "GET", target: "/media/a%20b?c", host: `127.0.0.1:${port}`, body: "" },
      ])
      expect(yield* get(url, 8, loopback)).toBe("reset")
      expect(yield* get(url, 9, { authorities })).toBe("unreachable")
      expect(heard).toHaveLength(2)
    }),
)
