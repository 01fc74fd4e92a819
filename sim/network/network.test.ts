/** The network carries, delays, cuts, and lies as it is told; and no request changes what becomes of another. */
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import type { WireError, WireRequest, WireResponse } from "#spec-impl/federation/wire.ts"
import { Kernel } from "../kernel/kernel.ts"
import { Trace } from "../kernel/trace.ts"
import { Network } from "./network.ts"
import { alterReply, alterRequest, delay, drop, pass, replacingInAnswer, reply, withBody } from "./rules.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (response: WireResponse): string => new TextDecoder().decode(response.body)

const get = (source: string, destination: string, target: string): WireRequest => ({
  source,
  destination,
  method: "GET",
  target,
  headers: {},
  body: new Uint8Array(0),
})
const state = (source: string, destination: string, eventId: string): WireRequest =>
  get(source, destination, `/_matrix/federation/v1/state_ids/!r:s1?event_id=${encodeURIComponent(eventId)}`)

interface Set {
  readonly kernel: Kernel
  readonly network: Network["Service"]
  /** What reached each handler, in order: `source → destination target`. */
  readonly handled: string[]
}

/** Three servers that say who they are and what they were asked. */
const withServers = async <A, E>(
  story: (set: Set) => Effect.Effect<A, E>,
  options: { readonly seed?: number; readonly handlerMs?: number } = {},
): Promise<A> => {
  const kernel = Kernel.make({ seed: options.seed ?? 1, trace: new Trace({ keep: true }) })
  const network = Network.make(kernel)
  const handled: string[] = []
  const attachAll = Effect.forEach(["s1", "s2", "s3"], (server) =>
    network.attach(server, (request) =>
      Effect.gen(function* () {
        yield* Effect.sleep(options.handlerMs ?? 1)
        handled.push(`${request.source} → ${server} ${request.target}`)
        return { status: 200, headers: {}, body: bytes(`${server} heard ${request.target}`) }
      }),
    ),
  )
  const exit = await kernel.run(Effect.scoped(Effect.andThen(attachAll, story({ kernel, network, handled }))))
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  return exit.value
}

/** How long it took, and how it ended. */
const timed = (request: Effect.Effect<WireResponse, WireError>) =>
  Effect.gen(function* () {
    const startMs = yield* Clock.currentTimeMillis
    const outcome = yield* request.pipe(
      Effect.map(textOf),
      Effect.catch(({ reason }) => Effect.succeed(reason)),
    )
    return { outcome, ms: (yield* Clock.currentTimeMillis) - startMs }
  })

describe("links", () => {
  it("carry requests and answers, each in its time", async () => {
    await withServers(({ network, kernel }) =>
      Effect.gen(function* () {
        const { outcome, ms } = yield* timed(network.send(get("s1", "s2", "/a")))
        expect(outcome).toBe("s2 heard /a")
        expect(ms).toBeGreaterThanOrEqual(10)
        expect(network.requests()).toBe(1)
        const kinds = kernel.trace.records.map(({ kind }) => kind)
        expect(kinds.filter((kind) => kind !== "attach")).toEqual([
          "request",
          "delivered",
          "answer",
          "answered",
        ])
      }),
    )
  })

  it("take the same time for a request whatever else is sent", async () => {
    const latencies = (others: boolean) =>
      withServers(({ network }) =>
        Effect.gen(function* () {
          if (others)
            for (const other of ["/x", "/y"]) yield* Effect.ignore(network.send(get("s1", "s2", other)))
          return yield* Effect.forEach(["$a", "$b", "$c"], (id) => timed(network.send(state("s1", "s2", id))))
        }),
      )
    expect(await latencies(true)).toEqual(await latencies(false))
  })

  it("differ by seed, and can be adjusted for a while", async () => {
    const took = (seed: number) =>
      withServers(({ network }) => timed(network.send(get("s1", "s2", "/a"))), { seed })
    expect(
      new Set((await Promise.all([1, 2, 3, 4, 5, 6].map(took))).map(({ ms }) => ms)).size,
    ).toBeGreaterThan(1)
    await withServers(({ network }) =>
      Effect.gen(function* () {
        const slow = { latency: { kind: "fixed", ms: 700 } } as const
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* network.adjust({ source: "s1", destination: "s2" }, slow)
            expect((yield* timed(network.send(get("s1", "s2", "/a")))).ms).toBeGreaterThan(700)
          }),
        )
        expect((yield* timed(network.send(get("s1", "s2", "/a")))).ms).toBeLessThan(200)
      }),
    )
  })
})

describe("servers", () => {
  it("that are not there refuse", async () => {
    const { outcome } = await withServers(({ network }) => timed(network.send(get("s1", "s9", "/a"))))
    expect(outcome).toBe("refused")
  })

  it("that go away reset what they are at work on", async () => {
    await withServers(({ network }) =>
      Effect.gen(function* () {
        const asking = yield* Effect.scoped(
          Effect.gen(function* () {
            yield* network.attach("s4", () => Effect.never)
            const fiber = yield* Effect.forkDetach(timed(network.send(get("s1", "s4", "/a"))))
            yield* Effect.sleep(200)
            return fiber
          }),
        )
        expect((yield* Fiber.join(asking)).outcome).toBe("reset")
        expect((yield* timed(network.send(get("s1", "s4", "/a")))).outcome).toBe("refused")
      }),
    )
  })

  it("leave their place to the next at once where it is over with them, and keep it to the end where it is not", async () => {
    await withServers(({ network }) =>
      Effect.scoped(
        Effect.gen(function* () {
          let isGone = false
          yield* network.attach(
            "s4",
            () => Effect.never,
            () => isGone,
          )
          const attachNext = network.attach("s4", () =>
            Effect.succeed({ status: 200, headers: {}, body: bytes("next") }),
          )
          expect(Exit.isFailure(yield* Effect.exit(attachNext))).toBe(true)
          const asking = yield* Effect.forkDetach(timed(network.send(get("s1", "s4", "/a"))))
          yield* Effect.sleep(200)
          isGone = true
          yield* attachNext
          expect((yield* Fiber.join(asking)).outcome).toBe("reset")
          expect((yield* timed(network.send(get("s1", "s4", "/b")))).outcome).toBe("next")
        }),
      ),
    )
  })

  it("finish what they began when their caller hangs up", async () => {
    await withServers(
      ({ network, handled }) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(network.send(get("s1", "s2", "/a")))
          yield* Effect.sleep(200)
          yield* Fiber.interrupt(fiber)
          expect(handled).toEqual([])
          yield* Effect.sleep(1_000)
          expect(handled).toEqual(["s1 → s2 /a"])
        }),
      { handlerMs: 500 },
    )
  })
})

describe("cuts", () => {
  it("a partition fails requests across it, both ways, soon; healing ends it", async () => {
    await withServers(({ network, handled }) =>
      Effect.gen(function* () {
        yield* network.partition([["s1"], ["s2", "s3"]])
        for (const [from, to] of [
          ["s1", "s2"],
          ["s2", "s1"],
        ] as const) {
          const { outcome, ms } = yield* timed(network.send(get(from, to, "/a")))
          expect([outcome, ms]).toEqual(["unreachable", 100])
        }
        expect(network.isCut("s1", "s3")).toBe(true)
        expect((yield* timed(network.send(get("s2", "s3", "/a")))).outcome).toBe("s3 heard /a")
        yield* network.heal
        expect((yield* timed(network.send(get("s1", "s2", "/b")))).outcome).toBe("s2 heard /b")
        expect(handled).toEqual(["s2 → s3 /a", "s1 → s2 /b"])
      }),
    )
  })

  it("an answer is lost to a cut that falls while it is on its way: the effect is there, the answer is not", async () => {
    await withServers(
      ({ network, handled }) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(timed(network.send(get("s1", "s2", "/a"))))
          yield* Effect.sleep(200)
          yield* network.cut("s1", "s2")
          const { outcome, ms } = yield* Fiber.join(fiber)
          expect([outcome, ms]).toEqual(["timed-out", 10_000])
          expect(handled).toEqual(["s1 → s2 /a"])
        }),
      { handlerMs: 500 },
    )
  })

  it("one way is cut for what goes that way: requests there, answers here", async () => {
    await withServers(({ network, handled }) =>
      Effect.gen(function* () {
        yield* network.cut("s2", "s1", "one-way")
        expect((yield* timed(network.send(get("s1", "s2", "/a")))).outcome).toBe("timed-out")
        expect((yield* timed(network.send(get("s2", "s1", "/b")))).outcome).toBe("unreachable")
        expect(handled).toEqual(["s1 → s2 /a"])
        yield* network.mend("s2", "s1")
        expect((yield* timed(network.send(get("s1", "s2", "/c")))).outcome).toBe("s2 heard /c")
      }),
    )
  })

  it("a server in two groups is a bridge", async () => {
    await withServers(({ network }) =>
      Effect.gen(function* () {
        yield* network.partition([
          ["s1", "s2"],
          ["s2", "s3"],
        ])
        expect([network.isCut("s1", "s2"), network.isCut("s2", "s3"), network.isCut("s1", "s3")]).toEqual([
          false,
          false,
          true,
        ])
      }),
    )
  })
})

describe("rules", () => {
  const outcomes = (network: Network["Service"]) =>
    Effect.forEach(
      [state("s1", "s2", "$a"), state("s1", "s2", "$b"), state("s3", "s2", "$a"), get("s1", "s2", "/other")],
      (request) => Effect.map(timed(network.send(request)), ({ outcome }) => outcome),
    )
  const heard = (request: WireRequest): string => `s2 heard ${request.target}`
  const honest = [
    state("s1", "s2", "$a"),
    state("s1", "s2", "$b"),
    state("s3", "s2", "$a"),
    get("s1", "s2", "/other"),
  ].map(heard)

  const matches = [
    ["source", { source: "s3" }, [2]],
    ["path", { path: /state_ids/ }, [0, 1, 2]],
    ["path and source", { path: /state_ids/, source: "s1" }, [0, 1]],
    ["event id", { eventId: "$a" }, [0, 2]],
    ["method", { method: "PUT" }, []],
    ["a predicate on the path", { path: (path: string) => path === "/other" }, [3]],
    ["body", { body: (body: unknown) => body === undefined, path: "/other" }, [3]],
  ] as const
  for (const [name, match, hit] of matches) {
    it(`match by ${name}`, async () => {
      await withServers(({ network }) =>
        Effect.gen(function* () {
          const rule = yield* network.rule(match, reply(404, { errcode: "M_NOT_FOUND" }))
          const got = yield* outcomes(network)
          expect(
            got.map((outcome, at) => (outcome === honest[at] ? -1 : at)).filter((at) => at >= 0),
          ).toEqual(hit)
          expect(rule.hits()).toBe(hit.length)
        }).pipe(Effect.scoped),
      )
    })
  }

  it("reply, drop, delay, alter either way", async () => {
    await withServers(({ network, handled }) =>
      Effect.gen(function* () {
        const ask = (target: string) => timed(network.send(get("s1", "s2", target)))
        yield* network.rule({ path: "/reply" }, reply(404, { errcode: "M_NOT_FOUND" }))
        yield* network.rule({ path: "/drop" }, drop)
        yield* network.rule({ path: "/delay" }, delay(5_000))
        yield* network.rule(
          { path: "/reply-altered" },
          alterReply((answer) => withBody(answer, bytes("lies"))),
        )
        yield* network.rule(
          { path: "/request" },
          alterRequest((request) => ({ ...request, target: "/else" })),
        )
        yield* network.rule({ path: "/word" }, replacingInAnswer("heard", "said"))
        expect((yield* ask("/reply")).outcome).toBe('{"errcode":"M_NOT_FOUND"}')
        expect(yield* ask("/drop")).toEqual({ outcome: "timed-out", ms: 10_000 })
        expect((yield* ask("/delay")).ms).toBeGreaterThan(5_000)
        expect((yield* ask("/reply-altered")).outcome).toBe("lies")
        expect((yield* ask("/request")).outcome).toBe("s2 heard /else")
        expect((yield* ask("/word")).outcome).toBe("s2 said /word")
        expect(handled).toEqual(
          ["/delay", "/reply-altered", "/else", "/word"].map((target) => `s1 → s2 ${target}`),
        )
      }).pipe(Effect.scoped),
    )
  })

  it("the first that matches decides, so many times as it may, and no longer than its scope", async () => {
    await withServers(({ network }) =>
      Effect.gen(function* () {
        const ask = (target: string) =>
          Effect.map(timed(network.send(get("s1", "s2", target))), ({ outcome }) => outcome)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* network.rule({ path: "/spared" }, pass)
            yield* network.rule({ source: "s1" }, reply(500, {}), { times: 2 })
            expect(yield* ask("/spared")).toBe("s2 heard /spared")
            expect([yield* ask("/a"), yield* ask("/b"), yield* ask("/c")]).toEqual([
              "{}",
              "{}",
              "s2 heard /c",
            ])
            yield* network.rule({ source: "s1" }, reply(500, {}))
            expect(yield* ask("/d")).toBe("{}")
          }),
        )
        expect(yield* ask("/e")).toBe("s2 heard /e")
      }),
    )
  })

  it("hold keeps requests from leaving until they are released", async () => {
    await withServers(({ network, handled }) =>
      Effect.gen(function* () {
        const hold = yield* network.hold({ destination: "s2" })
        const fiber = yield* Effect.forkChild(timed(network.send(get("s1", "s2", "/a"))))
        yield* Effect.sleep(60_000)
        expect(handled).toEqual([])
        yield* hold.release
        expect((yield* Fiber.join(fiber)).outcome).toBe("s2 heard /a")
        expect((yield* timed(network.send(get("s1", "s2", "/b")))).ms).toBeLessThan(200)
      }).pipe(Effect.scoped),
    )
  })
})

describe("a seed", () => {
  const run = (seed: number) =>
    withServers(
      ({ network, kernel }) =>
        Effect.gen(function* () {
          yield* network.rule({ eventId: "$b" }, delay(40))
          const requests = ["$a", "$b", "$c", "$d"].map((id) => timed(network.send(state("s1", "s2", id))))
          yield* Effect.all(requests, { concurrency: "unbounded" })
          return kernel.trace.hash()
        }).pipe(Effect.scoped),
      { seed },
    )
  it("is one trace; another seed is another", async () => {
    expect(await run(4)).toBe(await run(4))
    expect(await run(5)).not.toBe(await run(4))
  })
})
