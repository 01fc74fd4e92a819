/** What nobody waits for any more, as when a client hangs up, is on disk and in memory, or in neither. */
import { Context, Effect, Fiber, Layer } from "effect"
import { HttpClient } from "effect/http"
import { expect, it } from "vitest"
import { FederationClient } from "../federation/client.ts"
import { PublishedRooms } from "../federation/directory/published-rooms.ts"
import { Aliases } from "../federation/queries/aliases.ts"
import { Profiles } from "../federation/queries/profiles.ts"
import { Receipts } from "../federation/receipts/receipts.ts"
import { keyFromByte, nativeSignatures } from "../federation/testing/servers.ts"
import { IdentityServers } from "../federation/third-party-invites/identity-servers.ts"
import { WebClient } from "../federation/web-client.ts"
import { WireError, wireHttpClient } from "../federation/wire.ts"
import { EventStore } from "../store/event-store.ts"
import { MemoryDisk, memoryStore } from "../store/memory.ts"
import { Chance } from "./chance.ts"
import { type HomeserverServices, layerHomeserver } from "./homeserver.ts"
import { ServerIdentity } from "./identity.ts"
import { InvitePermission } from "./invite-permission.ts"
import { LocalUsers } from "./local-users.ts"
import { Outside } from "./outside.ts"
import { Rooms } from "./rooms.ts"
import { Settings } from "./settings.ts"
import { Signatures } from "./signatures/signatures.ts"

type Services = Context.Context<HomeserverServices>

const alice = "@alice:one.test"
const alias = "#tea:one.test"

/** A server that reaches nobody. After each group that it keeps `onKept` runs, before the store says that it is kept. */
const boot = Effect.fnUntraced(function* (disk: MemoryDisk, onKept: Effect.Effect<void> = Effect.void) {
  const store = memoryStore(disk)
  const surroundings = Layer.mergeAll(
    Layer.succeed(EventStore, { ...store, commit: (group) => Effect.tap(store.commit(group), () => onKept) }),
    Settings.layer({}),
    Chance.layerRandom,
    Layer.succeed(Signatures, nativeSignatures),
    Layer.succeed(
      HttpClient.HttpClient,
      wireHttpClient("one.test", () => Effect.fail(new WireError({ reason: "refused" }))),
    ),
    Layer.succeed(WebClient, { get: () => Effect.die("nobody is asked") }),
  )
  const identity = { serverName: "one.test", signingKey: keyFromByte("ed25519:a", 1), oldKeys: [] }
  const services = layerHomeserver().pipe(
    Layer.provide([FederationClient.layer, IdentityServers.layer]),
    Layer.provide(ServerIdentity.layer(identity)),
    Layer.provide(surroundings),
  )
  return (yield* Layer.build(services)) as Services
})

const standing = { membership: "invite", roomVersion: "11", pdu: {}, roomState: [], via: "two.test" } as const

/** What a user may ask for, in the room that is there. */
const requests: Readonly<
  Record<string, (services: Services, roomId: string) => Effect.Effect<unknown, unknown>>
> = {
  "an alias": (services, roomId) => Context.get(services, Aliases).create(alice, alias, roomId),
  "a display name": (services) => Context.get(services, Profiles).set(alice, "displayname", "Alice"),
  "who may invite": (services) =>
    Context.get(services, InvitePermission).configure(alice, { default_action: "block" }),
  "a published room": (services, roomId) =>
    Context.get(services, PublishedRooms).publish(alice, roomId, true),
  "a read receipt": (services, roomId) => {
    const [tip] = Context.get(services, Rooms).find(roomId)!.dag.forwardExtremities()
    return Context.get(services, Receipts).read(alice, roomId, tip!)
  },
  "an invite to elsewhere": (services) =>
    Context.get(services, Outside).stand(alice, "!r:two.test", standing),
  "an event": (services, roomId) =>
    Context.get(services, LocalUsers).send(alice, roomId, "m.room.message", { body: "hello" }),
}

const viewOf = Effect.fnUntraced(function* (services: Services, roomId: string) {
  const room = Context.get(services, Rooms).find(roomId)!
  return {
    alias: yield* Effect.option(Context.get(services, Aliases).resolveLocal(alias)),
    profile: yield* Effect.option(Context.get(services, Profiles).ofLocal(alice)),
    permission: yield* Effect.option(Context.get(services, InvitePermission).check(alice)),
    published: yield* Context.get(services, PublishedRooms).page({}),
    receipts: Context.get(services, Receipts).receiptsIn(roomId),
    outside: Context.get(services, Outside).ofUser(alice),
    tips: room.dag.forwardExtremities(),
  }
})

for (const [name, request] of Object.entries(requests)) {
  it(`${name}: whoever asked for it hangs up as it is kept`, () =>
    Effect.gen(function* () {
      const disk = new MemoryDisk()
      let asking: Fiber.Fiber<unknown, unknown> | undefined
      let count = 0
      const services = yield* boot(
        disk,
        Effect.suspend(() => {
          if (asking === undefined) return Effect.void
          count += 1
          return Effect.andThen(Effect.forkDetach(Fiber.interrupt(asking)), Effect.sleep(5))
        }),
      )
      const roomId = yield* Context.get(services, LocalUsers).createRoom(alice, {})
      const before = yield* viewOf(services, roomId)
      asking = yield* Effect.forkChild(request(services, roomId))
      yield* Fiber.await(asking)
      asking = undefined
      expect(count).toBeGreaterThan(0)
      const after = yield* viewOf(services, roomId)
      expect(after).not.toEqual(before)
      expect(after).toEqual(yield* viewOf(yield* boot(disk), roomId))
    }).pipe(Effect.scoped, Effect.runPromise))
}
