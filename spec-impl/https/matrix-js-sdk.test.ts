/** A client that nobody here wrote holds a conversation: matrix-js-sdk, over HTTP on loopback. */
import { Context, Effect, Exit, Scope } from "effect"
import {
  ClientEvent,
  createClient,
  EventTimeline,
  EventType,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  MsgType,
  ReceiptType,
  type Room,
} from "matrix-js-sdk"
import type { Logger } from "matrix-js-sdk/lib/logger.js"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { Sync } from "../client-api/sync/sync.ts"
import { MemoryDisk } from "../store/memory.ts"
import { type Neighbours, type RealServer, startServer } from "./testing/real-servers.ts"

const nothing = (): void => undefined
const silent: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => silent,
}

/** Registers, as the SDK does, and gives a client that is logged in. */
const register = async (baseUrl: string, username: string): Promise<MatrixClient> => {
  const visitor = createClient({ baseUrl, logger: silent })
  await visitor.registerRequest({
    username,
    password: `secret ${username}`,
    inhibit_login: true,
    auth: { type: "m.login.dummy" },
  })
  const login = await visitor.loginRequest({
    type: "m.login.password",
    identifier: { type: "m.id.user", user: username },
    password: `secret ${username}`,
  })
  return createClient({
    baseUrl,
    logger: silent,
    userId: login.user_id,
    accessToken: login.access_token,
    deviceId: login.device_id,
  })
}

/** Waits until the client has heard of something; looks again at each event that it emits. */
const until = <A>(client: MatrixClient, look: () => A | null | undefined | false): Promise<A> =>
  new Promise((resolve, reject) => {
    const events = [
      ClientEvent.Sync,
      ClientEvent.Event,
      ClientEvent.Room,
      MatrixEventEvent.Decrypted,
    ] as const
    const stop = (): void => {
      for (const event of events) client.off(event, check)
      clearTimeout(overdue)
    }
    const check = (): void => {
      const seen = look()
      if (seen === undefined || seen === null || seen === false) return
      stop()
      resolve(seen)
    }
    const overdue = setTimeout(() => {
      stop()
      reject(new Error(`waited in vain: ${look.toString()}`))
    }, 10_000)
    for (const event of events) client.on(event, check)
    check()
  })

const bodiesIn = (room: Room | null): readonly string[] =>
  (room?.getLiveTimeline().getEvents() ?? [])
    .filter((event: MatrixEvent) => event.getType() === EventType.RoomMessage)
    .map((event: MatrixEvent) => event.getContent().body)

// Parts of the SDK log past the logger that a client is given.
const muted = (["debug", "info", "log", "warn", "error"] as const).map((level) =>
  vi.spyOn(console, level).mockImplementation(nothing),
)
afterAll(() => {
  for (const spy of muted) spy.mockRestore()
})

const isSynced = (client: MatrixClient): boolean => client.isInitialSyncComplete()

describe("two clients of two servers", () => {
  const neighbours: Neighbours = new Map()
  const scope = Scope.makeUnsafe()
  const start = (name: string): Promise<RealServer> =>
    Effect.runPromise(Scope.provide(startServer(name, neighbours, new MemoryDisk()), scope))
  let alice: MatrixClient
  let bob: MatrixClient
  let roomId: string

  beforeAll(async () => {
    const [one, other] = [await start("one.test"), await start("other.test")]
    alice = await register(one.url, "alice")
    bob = await register(other.url, "bob")
    for (const client of [alice, bob]) {
      await client.initRustCrypto({ useIndexedDB: false })
      await client.startClient({ initialSyncLimit: 20, lazyLoadMembers: true })
      await until(client, () => isSynced(client))
    }
  })

  afterAll(async () => {
    for (const client of [alice, bob]) client?.stopClient()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  })

  it("meet in a room, by an invite", async () => {
    expect(await alice.whoami()).toMatchObject({ user_id: "@alice:one.test" })
    roomId = (await alice.createRoom({ name: "Conversation", invite: ["@bob:other.test"] })).room_id
    const invited = await until(bob, () => bob.getRoom(roomId))
    expect(invited.getMyMembership()).toBe("invite")
    expect(invited.name).toBe("Conversation")
    await bob.joinRoom(roomId)
    await until(bob, () => bob.getRoom(roomId)?.getMyMembership() === "join")
    await until(alice, () => alice.getRoom(roomId)?.getMember("@bob:other.test")?.membership === "join")
    expect(alice.getRoom(roomId)?.getJoinedMemberCount()).toBe(2)
  })

  it("speak both ways, and each sees its own messages once", async () => {
    await alice.sendTextMessage(roomId, "hello")
    await until(bob, () => bodiesIn(bob.getRoom(roomId)).includes("hello"))
    await bob.sendMessage(roomId, { msgtype: MsgType.Text, body: "hello to you" })
    await until(alice, () => bodiesIn(alice.getRoom(roomId)).includes("hello to you"))
    await until(bob, () => bodiesIn(bob.getRoom(roomId)).includes("hello to you"))
    for (const client of [alice, bob])
      expect(bodiesIn(client.getRoom(roomId))).toEqual(["hello", "hello to you"])
    const events = alice.getRoom(roomId)!.getLiveTimeline().getEvents()
    expect(events.every((event) => event.status === null)).toBe(true)
  })

  it("see each other's state, names and redactions", async () => {
    await alice.setRoomTopic(roomId, "weather")
    const topic = (client: MatrixClient) =>
      client
        .getRoom(roomId)
        ?.getLiveTimeline()
        .getState(EventTimeline.FORWARDS)
        ?.getStateEvents(EventType.RoomTopic, "")
        ?.getContent().topic
    await until(bob, () => topic(bob) === "weather")
    await bob.setDisplayName("Bob")
    await until(alice, () => alice.getRoom(roomId)?.getMember("@bob:other.test")?.name === "Bob")
    const { event_id: eventId } = await alice.sendTextMessage(roomId, "a slip")
    await until(bob, () => bob.getRoom(roomId)?.findEventById(eventId))
    await alice.redactEvent(roomId, eventId)
    await until(bob, () => bob.getRoom(roomId)?.findEventById(eventId)?.isRedacted())
  })

  it("see who is typing, and who has read what", async () => {
    await alice.sendTyping(roomId, true, 10_000)
    await until(bob, () => bob.getRoom(roomId)?.getMember("@alice:one.test")?.typing)
    await alice.sendTyping(roomId, false, 0)
    await until(bob, () => bob.getRoom(roomId)?.getMember("@alice:one.test")?.typing === false)
    const last = bob.getRoom(roomId)!.getLiveTimeline().getEvents().at(-1)!
    await bob.sendReceipt(last, ReceiptType.Read)
    await until(alice, () => {
      const room = alice.getRoom(roomId)
      const event = room?.findEventById(last.getId()!)
      return event !== undefined && room?.getUsersReadUpTo(event).includes("@bob:other.test")
    })
  })

  it("go back in time, page by page", async () => {
    for (let count = 1; count <= 25; count++) await alice.sendTextMessage(roomId, `line ${count}`)
    const fresh = createClient({
      baseUrl: alice.getHomeserverUrl(),
      logger: silent,
      userId: "@alice:one.test",
      accessToken: alice.getAccessToken()!,
      deviceId: alice.getDeviceId()!,
    })
    await fresh.startClient({ initialSyncLimit: 5 })
    const room = await until(fresh, () => fresh.getRoom(roomId))
    expect(bodiesIn(room)).toHaveLength(5)
    for (let more = true; more; )
      more = await fresh.paginateEventTimeline(room.getLiveTimeline(), { backwards: true, limit: 10 })
    expect(bodiesIn(room).slice(0, 2)).toEqual(["hello", "hello to you"])
    expect(bodiesIn(room).slice(-25)).toEqual(Array.from({ length: 25 }, (_, index) => `line ${index + 1}`))
    fresh.stopClient()
  })

  it("speak in secret, once they have each other's keys", async () => {
    const content = { algorithm: "m.megolm.v1.aes-sha2" }
    const secret = (
      await alice.createRoom({
        invite: ["@bob:other.test"],
        initial_state: [{ type: EventType.RoomEncryption, state_key: "", content }],
      })
    ).room_id
    await until(bob, () => bob.getRoom(secret))
    await bob.joinRoom(secret)
    await until(alice, () => alice.getRoom(secret)?.getMember("@bob:other.test")?.membership === "join")
    const heard = (client: MatrixClient, body: string) => () =>
      client
        .getRoom(secret)
        ?.getLiveTimeline()
        .getEvents()
        .find((event) => event.isEncrypted() && event.getContent().body === body)
    const { event_id: eventId } = await alice.sendTextMessage(secret, "psst")
    await until(bob, heard(bob, "psst"))
    await bob.sendTextMessage(secret, "I hear you")
    await until(alice, heard(alice, "I hear you"))
    const raw = await alice.fetchRoomEvent(secret, eventId)
    expect(raw.type).toBe(EventType.RoomMessageEncrypted)
    expect(JSON.stringify(raw)).not.toContain("psst")
  })

  it("part", async () => {
    await bob.leave(roomId)
    await until(bob, () => bob.getRoom(roomId)?.getMyMembership() === "leave")
    await until(alice, () => alice.getRoom(roomId)?.getMember("@bob:other.test")?.membership === "leave")
  })
})

it("a client that waits is answered when the server stops, and one that goes away leaves nothing", async () => {
  const scope = Scope.makeUnsafe()
  const server = await Effect.runPromise(
    Scope.provide(startServer("stops.test", new Map(), new MemoryDisk()), scope),
  )
  const client = await register(server.url, "carol")
  const sync = (since: string, signal?: AbortSignal) =>
    fetch(`${server.url}/_matrix/client/v3/sync?timeout=60000&since=${since}`, {
      headers: { authorization: `Bearer ${client.getAccessToken()}` },
      ...(signal === undefined ? {} : { signal }),
    })
  const waiting = () => Context.getUnsafe(server.services, Sync).waiting()
  const untilWaiting = async (count: number): Promise<void> => {
    for (let tries = 0; waiting() !== count && tries < 200; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    expect(waiting()).toBe(count)
  }
  const first = await fetch(`${server.url}/_matrix/client/v3/sync`, {
    headers: { authorization: `Bearer ${client.getAccessToken()}` },
  })
  const { next_batch: since } = (await first.json()) as { readonly next_batch: string }
  const gone = new AbortController()
  const aborted = sync(since, gone.signal).catch(nothing)
  await untilWaiting(1)
  gone.abort()
  await aborted
  await untilWaiting(0)
  const answer = sync(since)
  await untilWaiting(1)
  await Effect.runPromise(Scope.close(scope, Exit.void))
  expect((await answer).status).toBe(200)
})
