/**
 * For tests: homeservers in real time, whose clients reach them over loopback; they reach each other in memory, at
 * once.
 */
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { type Context, Effect, Exit, Layer, Scope } from "effect"
import { HttpClient } from "effect/http"
import { clientRoutes } from "../../client-api/server.ts"
import { FederationClient } from "../../federation/client.ts"
import { federationHandler } from "../../federation/server.ts"
import { nativeSignatures } from "../../federation/testing/servers.ts"
import { IdentityServers } from "../../federation/third-party-invites/identity-servers.ts"
import { WebClient } from "../../federation/web-client.ts"
import { WireError, type WireHandler, wireHandler, wireHttpClient } from "../../federation/wire.ts"
import { Chance } from "../../homeserver/chance.ts"
import { layerChapters, layerHomeserver } from "../../homeserver/homeserver.ts"
import { ServerIdentity } from "../../homeserver/identity.ts"
import { Settings } from "../../homeserver/settings.ts"
import { Signatures } from "../../homeserver/signatures/signatures.ts"
import { makeSigningKey } from "../../homeserver/signatures/signing-key.ts"
import { layerMemory, type MemoryDisk } from "../../store/memory.ts"

const refused = Effect.fail(new WireError({ reason: "refused", detail: "nobody is there" }))

/** A homeserver that is up. */
export interface RealServer {
  /** Of its client-server API. */
  readonly url: string
  /** All that it is made of. */
  readonly services: Context.Context<never>
}

/** What servers that reach each other share: by name, who answers. */
export type Neighbours = Map<string, WireHandler>

/** Starts a homeserver, which is up as long as the scope lives. */
export const startServer = Effect.fnUntraced(function* (
  name: string,
  neighbours: Neighbours,
  disk: MemoryDisk,
) {
  const signatures = nativeSignatures
  const client = wireHttpClient(name, (request) =>
    Effect.suspend(() => neighbours.get(request.destination)?.(request) ?? refused),
  )
  const layerHttpClient = Layer.succeed(HttpClient.HttpClient, client)
  const homeserver = layerHomeserver().pipe(
    Layer.provideMerge(FederationClient.layer.pipe(Layer.provide(layerHttpClient))),
    Layer.provide(IdentityServers.layer.pipe(Layer.provide(layerHttpClient))),
    Layer.provide(Layer.succeed(WebClient, { get: () => refused })),
    Layer.provideMerge(
      ServerIdentity.layer({
        serverName: name,
        signingKey: makeSigningKey(signatures, "ed25519:1", new Uint8Array(32).fill(name.length)),
        oldKeys: [],
      }),
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        Chance.layerRandom,
        Layer.succeed(Signatures, signatures),
        Settings.layer({ enableRegistration: true }),
        layerMemory(disk),
      ),
    ),
  )
  const services = yield* Layer.buildWithMemoMap(homeserver, yield* Layer.makeMemoMap, yield* Effect.scope)
  neighbours.set(name, yield* Effect.provide(federationHandler(layerChapters), services))
  yield* Effect.addFinalizer(() => Effect.sync(() => neighbours.delete(name)))
  const url = yield* listen(yield* Effect.provide(wireHandler(clientRoutes), services))
  return { url, services: services as Context.Context<never> } satisfies RealServer
})

const bodyOf = async (incoming: IncomingMessage): Promise<Uint8Array> => {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Uint8Array.from(Buffer.concat(chunks))
}

/** A listener on a port that the system chooses; a request whose client goes away is interrupted. */
const listen = Effect.fnUntraced(function* (handler: WireHandler) {
  const scope = yield* Effect.scope
  const server = createServer(async (incoming, outgoing) => {
    const body = await bodyOf(incoming)
    const answer = handler({
      source: "client",
      destination: "",
      method: incoming.method ?? "",
      target: incoming.url ?? "",
      headers: incoming.headers as Readonly<Record<string, string>>,
      body,
    })
    const fiber = Effect.runFork(answer)
    outgoing.once("close", () => fiber.interruptUnsafe())
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit)) return outgoing.destroy()
      outgoing.writeHead(exit.value.status, exit.value.headers)
      outgoing.end(exit.value.body)
    })
  })
  yield* Effect.callback<void>((resume) => {
    server.listen(0, "127.0.0.1", () => resume(Effect.void))
  })
  yield* Scope.addFinalizer(
    scope,
    Effect.sync(() => {
      server.close()
      server.closeIdleConnections()
    }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
