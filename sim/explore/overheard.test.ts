/** What became of questions on the wire is heard from what goes into the trace. */
import { describe, expect, test } from "vitest"
import { Overheard } from "./overheard.ts"
import { runPlan } from "./run-plan.ts"

const ownKeys = "/_matrix/key/v2/server"
const notary = "/_matrix/key/v2/query"

const firstKeys = [1, 2].map((nth) => ({ keyId: `ed25519:${nth}`, publicKey: Uint8Array.of(nth) }))
/** The last is the second by another name. */
const keys = [...firstKeys, { ...firstKeys[1]!, keyId: "ed25519:3" }]

type Line = readonly [kind: string, ...fields: string[]]

/** s1 asks for keys: of whom, where, and what became of it. */
const asks = (id: string, of: string, target: string, ...end: readonly Line[]): readonly Line[] => [
  ["request", id, "s1", of, "GET", target, ""],
  ...end,
]
const inVain = (id: string): Line => ["failed", id, "unreachable"]
const refused = (id: string): readonly Line[] => [
  ["answer", id, "404", ""],
  ["answered", id],
]
const told = (id: string): readonly Line[] => [
  ["answer", id, "200", ""],
  ["answered", id],
]
/** So that who asked in vain might have asked again. */
const later: Line = ["later"]
const taken: Line = ["event", "s1", "!r:s1", "$join", "timeline", "accepted", ""]

/** s2 signs by that key from here on. */
const signsBy = (nth: number): readonly Line[] => [
  ["event", "s2", "!r:s1", `$by-key-${nth}`, "timeline", "accepted", ""],
]

/** What `ask` says of all that was heard where the server that is asked for signs as `signsBy` has it. */
const heard = async <A>(
  lines: readonly Line[],
  ask: (overheard: Overheard, nth: number) => A,
): Promise<A> => {
  let found: A | undefined
  let nth = 1
  const identity = {
    get signingKey() {
      return keys[nth - 1]
    },
    oldKeys: [],
  }
  await runPlan(
    { seed: 1, servers: [], users: [], core: [], faultsMs: 0, entries: [] },
    {
      transport: "direct",
      onEnd: (world) => {
        const servers = new Map([["s2", { identity, rooms: { all: () => [], find: () => undefined } }]])
        const overheard = new Overheard({ ...world, servers: servers as never })
        let virtualMs = 0
        for (const [step, [kind, ...fields]] of lines.entries()) {
          virtualMs += kind === "later" ? 60_000 : 1
          nth = Number(/^\$by-key-(\d)$/.exec(fields[2] ?? "")?.[1] ?? nth)
          overheard.onRecord({ step, virtualMs, kind, fields })
        }
        found = ask(overheard, nth)
      },
    },
  )
  return found!
}

/** Whether s1 had asked for the key of s2 in vain when it took the join in: the second, where s2 has had another. */
const wereUnheard = (...lines: readonly Line[]): Promise<boolean> =>
  heard(lines, (overheard, nth) =>
    overheard.keys.wereUnheard("s1", overheard.takenAt("s1", "$join"), "s2", `ed25519:${nth}`),
  )

/** Whether s1 had asked for an event when it took the join in, and was never told it. */
const wasAltered = (...lines: readonly Line[]): Promise<boolean> =>
  heard(lines, (overheard) => overheard.wasEventAltered("s1", "$name", "$join"))

describe("keys that a server had asked for in vain", () => {
  test("of their own server, and of a notary", async () => {
    expect(await wereUnheard(...asks("1", "s2", ownKeys, inVain("1")), taken)).toBe(true)
    expect(await wereUnheard(...asks("1", "s2", ownKeys, ...refused("1")), taken)).toBe(true)
    const refusedByNotary = asks("2", "s3", notary, ...refused("2"))
    expect(await wereUnheard(...asks("1", "s2", ownKeys, inVain("1")), ...refusedByNotary, taken)).toBe(true)
  })

  test("not those that it did not ask for, or only later", async () => {
    expect(await wereUnheard(taken)).toBe(false)
    expect(await wereUnheard(...asks("1", "s3", ownKeys, inVain("1")), taken)).toBe(false)
    expect(await wereUnheard(...asks("1", "s2", notary, inVain("1")), taken)).toBe(false)
    expect(await wereUnheard(taken, ...asks("1", "s2", ownKeys, inVain("1")))).toBe(false)
  })

  test("nor those that it was told", async () => {
    const vain = asks("2", "s2", ownKeys, inVain("2"))
    expect(await wereUnheard(...asks("1", "s2", ownKeys, ...told("1")), ...vain, taken)).toBe(false)
    const asksNotary = asks("3", "s3", notary, ...told("3"))
    const notaryAsks: readonly Line[] = [["request", "4", "s3", "s2", "GET", ownKeys, ""], ...told("4")]
    expect(await wereUnheard(...notaryAsks, ...vain, ...asksNotary, taken)).toBe(false)
    // Nobody has told the notary.
    expect(await wereUnheard(...vain, ...asksNotary, taken)).toBe(true)
    expect(await wereUnheard(...vain, taken, ...asks("3", "s2", ownKeys, ...told("3")))).toBe(true)
  })

  test("of a notary that has heard since that the server lost it, and so vouches for the new one", async () => {
    const vain = asks("2", "s2", ownKeys, inVain("2"))
    const asksNotary = asks("3", "s3", notary, ...told("3"))
    const notaryAsks = (id: string): readonly Line[] => [
      ["request", id, "s3", "s2", "GET", ownKeys, ""],
      ...told(id),
    ]
    const before = [...signsBy(1), ...notaryAsks("4")]
    const wasFirstUnheard = (...lines: readonly Line[]): Promise<boolean> =>
      heard(lines, (overheard) =>
        overheard.keys.wereUnheard("s1", overheard.takenAt("s1", "$join"), "s2", "ed25519:1"),
      )
    const lost = [...before, ...signsBy(2)]
    expect(await wasFirstUnheard(...lost, ...notaryAsks("5"), ...vain, ...asksNotary, taken)).toBe(true)
    expect(await wasFirstUnheard(...lost, ...vain, ...asksNotary, taken)).toBe(false)
  })

  test("not by what another says of its own keys", async () => {
    const vain = asks("1", "s2", ownKeys, inVain("1"))
    expect(await wereUnheard(...vain, ...asks("2", "s3", ownKeys, ...told("2")), taken)).toBe(true)
    const notaryAsks: readonly Line[] = [["request", "4", "s3", "s2", "GET", ownKeys, ""], ...told("4")]
    expect(await wereUnheard(...notaryAsks, ...vain, ...asks("2", "s3", ownKeys, ...told("2")), taken)).toBe(
      true,
    )
  })

  test("of a key in the place of another: by its own server since, or by a notary that has heard since", async () => {
    const before = [...signsBy(1), ...asks("1", "s2", ownKeys, ...told("1")), ...signsBy(2)]
    const vain = asks("2", "s2", ownKeys, inVain("2"))
    const asksNotary = asks("3", "s3", notary, ...told("3"))
    const notaryAsks: readonly Line[] = [["request", "4", "s3", "s2", "GET", ownKeys, ""], ...told("4")]
    expect(await wereUnheard(...before, ...vain, taken)).toBe(true)
    expect(await wereUnheard(...before, ...vain, ...asksNotary, taken)).toBe(true)
    expect(await wereUnheard(...before, ...notaryAsks, ...vain, ...asksNotary, taken)).toBe(false)
    expect(await wereUnheard(...before, ...vain, ...asksNotary, ...notaryAsks, taken)).toBe(true)
    expect(await wereUnheard(...before, ...asks("5", "s2", ownKeys, ...told("5")), ...vain, taken)).toBe(
      false,
    )
    // Nor where it had not asked since, though it might have.
    expect(await wereUnheard(...signsBy(1), ...vain, ...signsBy(2), later, taken)).toBe(false)
    expect(await wereUnheard(...signsBy(1), ...vain, ...signsBy(2), taken)).toBe(true)
  })
})

describe("an event that a server asked for", () => {
  const asksFor = (id: string, ...end: readonly Line[]): readonly Line[] =>
    asks(id, "s2", "/_matrix/federation/v1/event/%24name", ...end)
  const altered = (id: string): readonly Line[] => [["altered-answer", id], ...told(id)]

  test("came otherwise than it was said, each time", async () => {
    expect(await wasAltered(...asksFor("1", ...altered("1")), taken)).toBe(true)
    expect(await wasAltered(...asksFor("1", ...altered("1")), ...asksFor("2", inVain("2")), taken)).toBe(true)
  })

  test("came once as it was said, or not at all, or only later", async () => {
    expect(await wasAltered(taken)).toBe(false)
    expect(await wasAltered(...asksFor("1", ...told("1")), taken)).toBe(false)
    expect(await wasAltered(...asksFor("1", ...altered("1")), ...asksFor("2", ...told("2")), taken)).toBe(
      false,
    )
    expect(await wasAltered(...asksFor("1", ...refused("1")), taken)).toBe(false)
    expect(await wasAltered(taken, ...asksFor("1", ...altered("1")))).toBe(false)
  })
})

describe("a join of its own that a server sent to another", () => {
  const joins = (id: string, ...end: readonly Line[]): readonly Line[] => [
    [
      "request",
      id,
      "s1",
      "s2",
      "PUT",
      "/_matrix/federation/v2/send_join/!r%3As2/%24join?omit_members=true",
      "",
    ],
    ...end,
  ]
  const inVainOf = (...lines: readonly Line[]): Promise<boolean> =>
    heard(lines, (overheard) => overheard.hasJoinedInVain("s1", "$join"))

  test("and was never told that it was let in", async () => {
    expect(await inVainOf(...joins("1", inVain("1")), ...joins("2", ...refused("2")))).toBe(true)
    expect(await inVainOf(...joins("1", ["altered-answer", "1"], ...told("1")))).toBe(true)
  })

  test("and was told once, or did not send", async () => {
    expect(await inVainOf(...joins("1", inVain("1")), ...joins("2", ...told("2")))).toBe(false)
    expect(await inVainOf()).toBe(false)
    expect(await inVainOf(...asks("1", "s2", "/_matrix/federation/v1/event/%24join", inVain("1")))).toBe(
      false,
    )
  })
})

test("a key that is published by another name is no longer to be had by the one that it had", async () => {
  const gone = await heard([...signsBy(1), ...signsBy(2), ...signsBy(3)], ({ keys }) => keys.goneOf("s2"))
  expect(gone.map(({ keyId }) => keyId)).toEqual(["ed25519:1", "ed25519:2"])
})

test("an event was dropped for want of an answer, though nobody waited for that any more who had pushed it", async () => {
  const droppedAfter = (...lines: readonly Line[]) =>
    heard(lines, (overheard) => {
      const answer = { pdus: { $said: { error: "no history" } } }
      overheard.onCommit("s1", { answers: [{ origin: "s2", transactionId: "t", answer, answeredTs: 0 }] })
      return overheard.dropped("s1", "!r:s1", "$said")
    })
  const pushed: Line = ["request", "1", "s2", "s1", "PUT", "/_matrix/federation/v1/send/t", ""]
  const asksInVain = asks("2", "s2", "/_matrix/federation/v1/get_missing_events/!r:s1", inVain("2"))
  expect(await droppedAfter(pushed, ["delivered", "1"], ...asksInVain)).toBe("unanswered")
  expect(await droppedAfter(pushed, ["abandoned", "1"], ["delivered", "1"], ...asksInVain)).toBe("unanswered")
  expect(await droppedAfter(pushed, ["abandoned", "1"], ...asksInVain, ["delivered", "1"])).toBeUndefined()
})
