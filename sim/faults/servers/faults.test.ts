/** Each fault of a server does what it says, and is over once it is undone. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import type { Played } from "../../world/testing/play.ts"
import { inRoom, say, shows, traced, userOf } from "../testing/with-fault.ts"

const identityOf = ({ servers }: Played, server: string) => servers.get(server)!.identity
const isDown = ({ servers }: Played, server: string) => servers.get(server)!.isDown()

describe("crashes", () => {
  it("crash: what was not acknowledged is lost, and it stays down until it is undone", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      await inRoom({ seed }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          yield* stage.fault({
            fault: "disk-latency",
            servers: ["s1"],
            commitMsMin: 1_000,
            commitMsMax: 1_000,
          })
          yield* Effect.forkChild(Effect.ignore(say(played, "s1", roomId, "to be lost")))
          yield* stage.wait(0)
          const undo = yield* stage.fault({ fault: "crash", server: "s1" })
          yield* stage.wait(60_000)
          expect(isDown(played, "s1")).toBe(true)
          yield* undo
          expect(isDown(played, "s1")).toBe(false)
          const said = yield* say(played, "s2", roomId, "welcome back")
          yield* stage.quiet
          expect(shows(played, "s1", roomId, said)).toBe(true)
          const { dag } = played.servers.get("s1")!.rooms.find(roomId)!
          const bodies = [...dag.records()].map(({ event }) => event.content.body)
          expect(bodies).not.toContain("to be lost")
        }),
      )
    }
  })

  it("crash: another fault of the server does not end it", async () => {
    await inRoom({}, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const one = yield* stage.fault({ fault: "crash", server: "s1" })
        const two = yield* stage.fault({ fault: "crash", server: "s1" })
        yield* stage.fault({ fault: "restart", server: "s1", downMs: 1_000 })
        yield* stage.fault({ fault: "key-loss", server: "s1" })
        yield* stage.wait(10_000)
        yield* one
        expect(isDown(played, "s1")).toBe(true)
        yield* two
        expect(isDown(played, "s1")).toBe(false)
        const again = yield* stage.fault({ fault: "crash", server: "s1" })
        yield* stage.restart("s1")
        expect(isDown(played, "s1")).toBe(false)
        yield* again
      }),
    )
  })

  it("restart: it is down for so long, reads slowly, and boots at once where the fault is undone", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.fault({ fault: "restart", server: "s1", downMs: 5_000, readMs: 100 })
        yield* stage.wait(4_900)
        expect(isDown(played, "s1")).toBe(true)
        yield* stage.wait(300)
        expect(isDown(played, "s1")).toBe(true)
        yield* stage.wait(30_000)
        expect(isDown(played, "s1")).toBe(false)
        const undo = yield* stage.fault({ fault: "restart", server: "s1", downMs: 600_000 })
        expect(isDown(played, "s1")).toBe(true)
        yield* undo
        expect(isDown(played, "s1")).toBe(false)
        yield* say(played, "s1", roomId, "here I am")
      }),
    )
  })

  it("pause: it answers nobody, what it has sent arrives, and it goes on with what came meanwhile", async () => {
    for (const transport of ["http", "direct"] as const) {
      await inRoom({ transport }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, kernel } = played
          const before = yield* say(played, "s2", roomId, "sent before")
          while (traced(played, "request").at(-1)?.includes("s2 s1 PUT") !== true) yield* stage.wait(1)
          yield* stage.fault({ fault: "pause", server: "s2", forMs: 30_000 })
          expect(kernel.isPaused("s2")).toBe(true)
          yield* stage.wait(1_000)
          expect(shows(played, "s1", roomId, before)).toBe(true)
          const meanwhile = yield* say(played, "s1", roomId, "are you there?")
          const acting = yield* Effect.forkChild(say(played, "s2", roomId, "typed while it stood still"))
          yield* stage.wait(20_000)
          expect(shows(played, "s2", roomId, meanwhile)).toBe(false)
          expect(acting.pollUnsafe()).toBeUndefined()
          yield* stage.wait(60_000)
          expect(kernel.isPaused("s2")).toBe(false)
          expect(shows(played, "s2", roomId, meanwhile)).toBe(true)
          expect(acting.pollUnsafe()?._tag).toBe("Success")
          const undo = yield* stage.fault({ fault: "pause", server: "s2", forMs: 600_000 })
          yield* undo
          yield* say(played, "s2", roomId, "awake")
        }),
      )
    }
  })
})

describe("clocks", () => {
  /** By how much the clock of s1 is ahead, as its events tell. */
  const ahead = (played: Played, roomId: string) =>
    Effect.map(
      played.servers
        .get("s1")!
        .users.send(userOf("s1"), roomId, "m.room.message", { body: "what time is it?" })
        .pipe(played.kernel.within("s1")),
      ({ originServerTs }) => Number(originServerTs) - played.kernel.nowMs,
    )

  it("clock-skew: ahead, or behind, and right again", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const fast = yield* stage.fault({ fault: "clock-skew", servers: ["s1"], aheadMs: 7_000 })
        expect(yield* ahead(played, roomId)).toBe(7_000)
        const slow = yield* stage.fault({ fault: "clock-skew", servers: ["s1", "s2"], aheadMs: -10_000 })
        expect(yield* ahead(played, roomId)).toBe(-3_000)
        yield* fast
        yield* slow
        expect(yield* ahead(played, roomId)).toBe(0)
      }),
    )
  })

  it("clock-drift: ever further ahead, and awake earlier", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, kernel } = played
        const undo = yield* stage.fault({ fault: "clock-drift", servers: ["s1"], partsPerMillion: 100_000 })
        yield* stage.wait(10_000)
        expect(yield* ahead(played, roomId)).toBe(1_000)
        const beganMs = kernel.nowMs
        yield* Effect.sleep(11_000).pipe(kernel.within("s1"))
        expect(kernel.nowMs - beganMs).toBe(10_000)
        expect(yield* ahead(played, roomId)).toBe(2_000)
        yield* undo
        expect(yield* ahead(played, roomId)).toBe(0)
      }),
    )
  })

  it("clock-jump: to and fro within bounds, by whole milliseconds", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.fault({ fault: "clock-jump", servers: ["s1"], everyMs: 1_000, byMsMax: 5_000 })
        const offsets: number[] = []
        for (let nth = 0; nth < 20; nth++) {
          offsets.push(yield* ahead(played, roomId))
          yield* stage.wait(1_000)
        }
        expect(Math.min(...offsets)).toBeLessThan(0)
        expect(Math.max(...offsets)).toBeGreaterThan(0)
        expect(offsets.every((ms) => Number.isInteger(ms) && Math.abs(ms) <= 5_000)).toBe(true)
      }),
    )
  })
})

describe("keys", () => {
  it("key-rotation: it signs with another key, and others go on believing it", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const { keyId } = identityOf(played, "s1").signingKey
        yield* stage.fault({ fault: "key-rotation", server: "s1" })
        expect(identityOf(played, "s1").signingKey.keyId).not.toBe(keyId)
        expect(identityOf(played, "s1").oldKeys.map((old) => old.keyId)).toEqual([keyId])
        const said = yield* say(played, "s1", roomId, "signed anew")
        yield* stage.quiet
        expect(shows(played, "s2", roomId, said)).toBe(true)
      }),
    )
  })

  it("key-loss: who comes later cannot verify what the lost key signed, until it is found again", async () => {
    await inRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const first = identityOf(played, "s1").signingKey
        // Made while it ran, and so kept in the store.
        yield* stage.rotateKey("s1")
        const lost = identityOf(played, "s1").signingKey
        const publishes = () => {
          const { signingKey, oldKeys } = identityOf(played, "s1")
          return [signingKey, ...oldKeys].map(({ publicKey }) => encodeBase64(publicKey))
        }
        const undo = yield* stage.fault({ fault: "key-loss", server: "s1" })
        expect(publishes()).toHaveLength(1)
        for (const { publicKey } of [first, lost]) {
          expect(publishes()).not.toContain(encodeBase64(publicKey))
        }
        // Those who had heard of it go by what they know.
        const said = yield* say(played, "s1", roomId, "I am another now")
        yield* stage.quiet
        expect(shows(played, "s2", roomId, said)).toBe(true)
        yield* stage.restart("s1")
        expect(publishes()).not.toContain(encodeBase64(lost.publicKey))
        const now = identityOf(played, "s1").signingKey.keyId
        yield* undo
        for (const { publicKey } of [first, lost]) expect(publishes()).toContain(encodeBase64(publicKey))
        expect(identityOf(played, "s1").signingKey.keyId).toBe(now)
        const again = yield* say(played, "s1", roomId, "and again")
        yield* stage.quiet
        expect(shows(played, "s2", roomId, again)).toBe(true)
      }),
    )
  })

  it("key-reuse: two servers sign with one key, each in its own name, until one makes its own", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const undo = yield* stage.fault({ fault: "key-reuse", server: "s2", of: "s1" })
        const [one, two] = ["s1", "s2"].map((server) => identityOf(played, server).signingKey)
        expect(two!.seed).toEqual(one!.seed)
        const said = yield* say(played, "s2", roomId, "in my own name")
        yield* stage.quiet
        expect(shows(played, "s1", roomId, said)).toBe(true)
        yield* undo
        expect(identityOf(played, "s2").signingKey.seed).not.toEqual(one!.seed)
      }),
    )
  })

  it("key-reuse, of one and then of another: two keys have two ids", async () => {
    await inRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const ids: string[] = []
        for (const of of ["s1", "s3"]) {
          const undo = yield* stage.fault({ fault: "key-reuse", server: "s2", of })
          ids.push(identityOf(played, "s2").signingKey.keyId)
          const said = yield* say(played, "s2", roomId, `by the key of ${of}`)
          yield* stage.quiet
          expect(shows(played, "s1", roomId, said)).toBe(true)
          yield* undo
        }
        expect(new Set(ids).size).toBe(2)
      }),
    )
  })
})

describe("disks", () => {
  it("disk-full: nothing is acknowledged that is not kept, neither to users nor to other servers", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, servers } = played
        const undo = yield* stage.fault({ fault: "disk-full", servers: ["s1"] })
        const refused = yield* Effect.flip(say(played, "s1", roomId, "not to be kept"))
        expect(refused).toMatchObject({ _tag: "StoreFailure", reason: "full" })
        const sent = yield* say(played, "s2", roomId, "keep this")
        yield* stage.wait(30_000)
        expect(shows(played, "s1", roomId, sent)).toBe(false)
        expect(servers.get("s2")!.destinations.unsent()).toHaveLength(1)
        yield* undo
        yield* stage.wait(7_200_000)
        expect(shows(played, "s1", roomId, sent)).toBe(true)
        yield* say(played, "s1", roomId, "kept")
      }),
    )
  })

  it("disk-full in part: some groups are kept, others not, by what they hold", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.fault({ fault: "disk-full", servers: ["s1"], share: 0.5 })
        const kept: boolean[] = []
        for (let nth = 1; nth <= 20; nth++) {
          kept.push((yield* Effect.exit(say(played, "s1", roomId, `${nth}`)))._tag === "Success")
        }
        expect(kept).toContain(true)
        expect(kept).toContain(false)
      }),
    )
  })

  it("disk-full at boot: the server stays down until it can be started", async () => {
    await inRoom({}, (played) =>
      Effect.gen(function* () {
        const { stage } = played
        const full = yield* stage.fault({ fault: "disk-full", servers: ["s1"] })
        // The next boot is to keep when the old key ceased to sign.
        yield* stage.fault({ fault: "key-reuse", server: "s1", of: "s2" })
        expect(traced(played, "boot-failed")).toEqual(["s1 full"])
        expect(isDown(played, "s1")).toBe(true)
        yield* full
        yield* stage.restart("s1")
        expect(isDown(played, "s1")).toBe(false)
      }),
    )
  })

  it("disk-latency: what is said waits for the disk, within bounds", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, kernel } = played
        const slow = { fault: "disk-latency", servers: ["s1"], commitMsMin: 300, commitMsMax: 900 } as const
        const undo = yield* stage.fault(slow)
        const took: number[] = []
        const time = Effect.gen(function* () {
          const beganMs = kernel.nowMs
          yield* say(played, "s1", roomId, "slowly")
          return kernel.nowMs - beganMs
        })
        for (let nth = 0; nth < 6; nth++) took.push(yield* time)
        expect(Math.min(...took)).toBeGreaterThanOrEqual(300)
        expect(new Set(took).size).toBeGreaterThan(1)
        yield* undo
        yield* stage.quiet
        expect(yield* time).toBe(0)
      }),
    )
  })

  it("store-rollback: it has never heard of what came after the backup, and gets it from others", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.fault({ fault: "store-rollback", server: "s1", afterMs: 60_000 })
        const own = yield* say(played, "s1", roomId, "after the backup")
        const theirs = yield* say(played, "s2", roomId, "and this")
        yield* stage.wait(59_000)
        expect(shows(played, "s1", roomId, own) && shows(played, "s1", roomId, theirs)).toBe(true)
        yield* stage.wait(2_000)
        expect(traced(played, "rollback")).toEqual(["s1"])
        expect(shows(played, "s1", roomId, own) || shows(played, "s1", roomId, theirs)).toBe(false)
        expect(shows(played, "s2", roomId, own)).toBe(true)
        yield* say(played, "s2", roomId, "do you remember?")
        yield* stage.quiet
        expect(shows(played, "s1", roomId, own) && shows(played, "s1", roomId, theirs)).toBe(true)
        const undone = yield* stage.fault({ fault: "store-rollback", server: "s2", afterMs: 60_000 })
        yield* undone
        yield* stage.wait(120_000)
        expect(traced(played, "rollback")).toEqual(["s1"])
      }),
    )
  })
})
