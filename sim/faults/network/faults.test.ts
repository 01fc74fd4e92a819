/** Each fault of the network does what it says, to what it says, and is over once it is undone. */
import { Clock, Effect } from "effect"
import { describe, expect, it } from "vitest"
import type { Played } from "../../world/testing/play.ts"
import type { Fault } from "../catalogue.ts"
import { inRoom, say, shows, traced } from "../testing/with-fault.ts"

/** Of requests from s1 to s2 and back, all of them. */
const onLink = { between: [["s1", "s2"]], share: 1 } as const

/** Says something on s1, and whether s2 shows it after that time. */
const heardWithin = (played: Played, roomId: string, ms: number, from = "s1", by = "s2") =>
  Effect.gen(function* () {
    const said = yield* say(played, from, roomId, `from ${from}`)
    yield* played.stage.wait(ms)
    return shows(played, by, roomId, said)
  })

/** While the fault is on nothing that s1 says reaches s2; afterwards all of it does. */
const silences = (fault: Fault, alsoSeen: (played: Played) => void = () => undefined) =>
  inRoom({ servers: 3 }, (played, roomId) =>
    Effect.gen(function* () {
      const { stage } = played
      const undo = yield* stage.fault(fault)
      const said = yield* say(played, "s1", roomId, "hear me")
      yield* stage.wait(60_000)
      expect(shows(played, "s2", roomId, said)).toBe(false)
      expect(shows(played, "s3", roomId, said)).toBe(true)
      alsoSeen(played)
      yield* undo
      yield* stage.wait(7_200_000)
      expect(shows(played, "s2", roomId, said)).toBe(true)
      expect(yield* heardWithin(played, roomId, 5_000)).toBe(true)
    }),
  )

describe("what keeps a request from being heard", () => {
  const failures = (reason: string) => (played: Played) =>
    expect(traced(played, "failed").some((line) => line.endsWith(reason))).toBe(true)

  it("loss: it is lost, and repeated until one arrives", () =>
    silences({ fault: "loss", ...onLink }, failures("timed-out")))
  it("connection-refused: nobody listens", () =>
    silences({ fault: "connection-refused", ...onLink }, failures("refused")))
  it("connection-reset before the effect", () =>
    silences({ fault: "connection-reset", ...onLink, when: "before-effect" }, failures("reset")))
  it("connection-timeout", () =>
    silences({ fault: "connection-timeout", ...onLink, afterMs: 3_000 }, failures("timed-out")))
  it("hold: it leaves when the fault is undone", () => silences({ fault: "hold", ...onLink }))
  it("http-error in the place of an answer", () =>
    silences({ fault: "http-error", ...onLink, status: 502 }, (played) =>
      expect(traced(played, "answer").some((line) => line.includes(" 502 "))).toBe(true),
    ))
  it("http-error of one endpoint, asking to come again", () =>
    silences({ fault: "http-error", endpoints: ["send"], ...onLink, status: 429, retryAfterMs: 5_000 }))
  it("link-cut", () => silences({ fault: "link-cut", between: [["s1", "s2"]] }))
  it("link-cut of one direction", () =>
    silences({ fault: "link-cut", between: [["s1", "s2"]], direction: "one-way" }))
  it("bridge: two halves hear what s3 hears, and not each other", () =>
    silences({ fault: "bridge", groups: [["s1"], ["s2"]], bridges: ["s3"] }))
  it("partition with a server in both groups", () =>
    silences({
      fault: "partition",
      groups: [
        ["s1", "s3"],
        ["s2", "s3"],
      ],
    }))
  it("isolation of the other server", () => silences({ fault: "isolation", servers: ["s2"] }))
  it("one-way-partition", () => silences({ fault: "one-way-partition", from: ["s1"], to: ["s2"] }))
  it("islands of two", () => silences({ fault: "islands", servers: ["s1", "s2"] }))
})

describe("scopes", () => {
  it("leave all other links, endpoints, rooms and directions alone", async () => {
    await inRoom({ servers: 3 }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.fault({ fault: "loss", between: [["s1", "s2"]], direction: "one-way", share: 1 })
        expect(yield* heardWithin(played, roomId, 5_000, "s2", "s1")).toBe(true)
        expect(yield* heardWithin(played, roomId, 5_000, "s1", "s3")).toBe(true)
      }),
    )
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        const other = yield* stage.user("@user:s1").createRoom()
        yield* stage.user("@user:s2").join(other, "s1")
        yield* stage.quiet
        yield* stage.fault({ fault: "loss", endpoints: ["state_ids", "event"], share: 1 })
        yield* stage.fault({ fault: "loss", rooms: [other], share: 1 })
        expect(yield* heardWithin(played, roomId, 5_000)).toBe(true)
        const lost = yield* say(played, "s1", other, "not here")
        yield* stage.wait(5_000)
        expect(shows(played, "s2", other, lost)).toBe(false)
      }),
    )
  })

  it("are left out of a run by their ids, and outlive the story where they are lasting", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const undo = yield* played.stage.fault({ fault: "loss", id: "one", lasting: true, ...onLink })
        expect(yield* heardWithin(played, roomId, 5_000)).toBe(false)
        yield* undo
        expect(yield* heardWithin(played, roomId, 600_000)).toBe(true)
      }),
    )
  })

  it("die with a word on who is not there", async () => {
    const broken = inRoom({}, ({ stage }) => stage.fault({ fault: "crash", server: "s9" }))
    await expect(broken).rejects.toThrow("a fault names s9")
  })
})

describe("what comes through, but otherwise", () => {
  it("reply-loss and connection-reset after the effect: it is done, and not known to be", async () => {
    for (const fault of ["reply-loss", "connection-reset"] as const) {
      await inRoom({}, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, servers } = played
          const undo = yield* stage.fault({ fault, ...onLink })
          expect(yield* heardWithin(played, roomId, 60_000)).toBe(true)
          expect(servers.get("s1")!.destinations.unsent()).toMatchObject([{ destination: "s2" }])
          yield* undo
          yield* stage.wait(7_200_000)
          expect(servers.get("s1")!.destinations.unsent()).toEqual([])
        }),
      )
    }
  })

  it("http-error after the effect", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.fault({ fault: "http-error", ...onLink, status: 500, afterEffect: true })
        expect(yield* heardWithin(played, roomId, 60_000)).toBe(true)
        expect(played.servers.get("s1")!.destinations.unsent()).toHaveLength(1)
      }),
    )
  })

  it("duplication: it arrives once more, and counts once", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        yield* played.stage.fault({ fault: "duplication", ...onLink, afterMsMax: 300 })
        expect(yield* heardWithin(played, roomId, 5_000)).toBe(true)
        expect(traced(played, "copied")).toEqual([expect.stringContaining("delivered")])
      }),
    )
  })

  it("reply-truncated and reply-altered: the bytes of an answer are others, and the transaction is repeated", async () => {
    for (const fault of ["reply-truncated", "reply-altered"] as const) {
      await inRoom({}, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, servers } = played
          yield* stage.user("@user:s1").createRoom()
          const undo = yield* stage.fault({ fault, ...onLink, endpoints: ["query"] })
          const clean = yield* servers
            .get("s1")!
            .client.call("s2", (api) => api.queries.profile({ query: { user_id: "@user:s2" } }))
            .pipe(Effect.result)
          yield* undo
          const whole = yield* servers
            .get("s1")!
            .client.call("s2", (api) => api.queries.profile({ query: { user_id: "@user:s2" } }))
            .pipe(Effect.result)
          expect(JSON.stringify(clean)).not.toBe(JSON.stringify(whole))
          expect(yield* heardWithin(played, roomId, 5_000)).toBe(true)
        }),
      )
    }
  })
})

describe("what takes its time", () => {
  /** How long a request from s1 to s2 takes, there and back. */
  const roundTripMs = ({ servers }: Played) =>
    Effect.gen(function* () {
      const beganMs = yield* Clock.currentTimeMillis
      yield* Effect.ignore(
        servers
          .get("s1")!
          .client.call("s2", (api) => api.queries.profile({ query: { user_id: "@user:s2" } })),
      )
      return (yield* Clock.currentTimeMillis) - beganMs
    })

  const slowed = async (fault: Fault, msMin: number, msMax: number) => {
    await inRoom({}, (played) =>
      Effect.gen(function* () {
        const undo = yield* played.stage.fault(fault)
        const ms = yield* roundTripMs(played)
        expect(ms).toBeGreaterThanOrEqual(msMin)
        expect(ms).toBeLessThanOrEqual(msMax)
        yield* undo
        expect(yield* roundTripMs(played)).toBeLessThan(200)
      }),
    )
  }
  const between = [["s1", "s2"]] as const

  it("latency by each distribution, within its bounds", async () => {
    const one = { fault: "latency", between } as const
    await slowed({ ...one, distribution: { kind: "fixed", ms: 700 } }, 1_400, 1_400)
    await slowed({ ...one, distribution: { kind: "uniform", msMin: 500, msMax: 900 } }, 1_000, 1_800)
    const exponential = { kind: "exponential", msMin: 300, tailMsMean: 100, msMax: 2_000 } as const
    await slowed({ ...one, distribution: exponential }, 600, 4_000)
    const bimodal = { kind: "bimodal", usualMs: 10, slowMs: 900, slowShare: 1 } as const
    await slowed({ ...one, distribution: bimodal }, 1_800, 1_800)
    const oneWay = { ...one, direction: "one-way", distribution: { kind: "fixed", ms: 700 } } as const
    await slowed(oneWay, 701, 800)
  })

  it("reordering: a request is overtaken", () =>
    slowed({ fault: "reordering", ...onLink, delayMsMax: 60_000 }, 200, 60_200))

  it("slow-body: by the length of the answer", () =>
    slowed({ fault: "slow-body", ...onLink, bytesPerSecond: 1 }, 2_000, 3_000))

  it("bandwidth-cap: what follows waits for what is before", async () => {
    await slowed({ fault: "bandwidth-cap", between, bytesPerSecond: 600 }, 2_000, 8_000)
    await inRoom({}, (played) =>
      Effect.gen(function* () {
        yield* played.stage.fault({ fault: "bandwidth-cap", between, bytesPerSecond: 600 })
        const alone = yield* roundTripMs(played)
        const many = yield* Effect.all(
          Array.from({ length: 5 }, () => roundTripMs(played)),
          { concurrency: "unbounded" },
        )
        expect(Math.max(...many)).toBeGreaterThan(2 * alone)
      }),
    )
  })
})

describe("what comes and goes", () => {
  it("flapping: cut, whole, cut again, each for a time within its bounds", async () => {
    await inRoom({}, (played, roomId) =>
      Effect.gen(function* () {
        const { stage, network } = played
        const undo = yield* stage.fault({
          fault: "flapping",
          groups: [["s1"], ["s2"]],
          cutMs: [2_000, 4_000],
          wholeMs: [1_000, 3_000],
        })
        const spells: number[] = []
        let isCut = true
        let lasted = 0
        for (let at = 0; at < 600; at++) {
          if (network.isCut("s1", "s2") === isCut) lasted += 100
          else {
            spells.push(isCut ? lasted : -lasted)
            isCut = !isCut
            lasted = 100
          }
          yield* stage.wait(100)
        }
        expect(spells.length).toBeGreaterThan(8)
        for (const spell of spells) {
          expect(Math.abs(spell)).toBeGreaterThanOrEqual(spell > 0 ? 1_900 : 900)
          expect(Math.abs(spell)).toBeLessThanOrEqual(spell > 0 ? 4_100 : 3_100)
        }
        expect(new Set(spells).size).toBeGreaterThan(3)
        yield* undo
        expect(network.isCut("s1", "s2")).toBe(false)
        expect(yield* heardWithin(played, roomId, 7_200_000)).toBe(true)
      }),
    )
  })

  it("several cuts at once: each has an end of its own, and heal ends them all", async () => {
    await inRoom({ servers: 3 }, ({ stage, network }) =>
      Effect.gen(function* () {
        const one = yield* stage.fault({ fault: "isolation", servers: ["s1"] })
        const two = yield* stage.fault({ fault: "partition", groups: [["s1"], ["s2", "s3"]] })
        yield* one
        expect(network.isCut("s1", "s2")).toBe(true)
        yield* two
        expect(network.isCut("s1", "s2")).toBe(false)
        yield* stage.fault({ fault: "islands", servers: ["s1", "s2", "s3"] })
        expect(network.isCut("s2", "s3")).toBe(true)
        yield* stage.heal
        expect(network.isCut("s2", "s3")).toBe(false)
      }),
    )
  })
})

describe("names and certificates", () => {
  const serverNames = ["s1", "s2", "s3"]
  /** Routes that are known are used for a minute. */
  const forgotten = 120_000

  const misleads = (fault: Fault, why: string) =>
    inRoom({ servers: 3, serverNames }, (played, roomId) =>
      Effect.gen(function* () {
        const { stage } = played
        yield* stage.wait(forgotten)
        const undo = yield* stage.fault(fault)
        const said = yield* say(played, "s1", roomId, "where are you?")
        yield* stage.wait(60_000)
        expect(shows(played, "s2", roomId, said)).toBe(false)
        expect(shows(played, "s3", roomId, said)).toBe(true)
        expect(traced(played, "not-reached").join("\n")).toContain(why)
        const other = yield* say(played, "s3", roomId, "here")
        yield* stage.wait(60_000)
        expect(shows(played, "s2", roomId, other)).toBe("seenBy" in fault)
        yield* undo
        yield* stage.wait(7_200_000)
        expect(shows(played, "s2", roomId, said)).toBe(true)
      }),
    )

  it("dns-failure", () => misleads({ fault: "dns-failure", servers: ["s2"] }, "unresolved"))
  it("dns-failure for one alone", () =>
    misleads({ fault: "dns-failure", servers: ["s2"], seenBy: ["s1"] }, "unresolved"))
  it("dns-stale", () => misleads({ fault: "dns-stale", servers: ["s2"] }, "refused"))
  it("dns-wrong", () =>
    misleads({ fault: "dns-wrong", servers: ["s2"], leadsTo: "s3", seenBy: ["s1"] }, "bad-certificate"))
  it("certificate-expired", () => misleads({ fault: "certificate-expired", servers: ["s2"] }, "expired"))
  it("certificate-wrong: another name", () =>
    misleads({ fault: "certificate-wrong", servers: ["s2"] }, "wrong-name"))
  it("certificate-wrong: signed by nobody", () =>
    misleads(
      { fault: "certificate-wrong", servers: ["s2"], problem: "unknown-authority", seenBy: ["s1"] },
      "unknown-authority",
    ))
  it("want servers that are found by names", async () => {
    const broken = inRoom({}, ({ stage }) => stage.fault({ fault: "dns-failure", servers: ["s2"] }))
    await expect(broken).rejects.toThrow("found by names")
  })
})
