/** Faults are data that a file may hold; every one of them is drawn, documented, undone, and the same each time. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { Effect, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { KeyedChance } from "../kernel/keyed-chance.ts"
import { Fault, faults, readFault } from "./catalogue.ts"
import { faultsTable } from "./table.ts"
import { bout } from "./testing/battery.ts"

const read = (json: unknown) => Effect.runSync(Effect.result(readFault(json)))
const problem = (json: unknown): string => {
  const result = read(json)
  return result._tag === "Failure" ? result.failure.message : "none"
}

describe("a fault in a file", () => {
  it("is read as it was written", () => {
    const fault = { fault: "loss", between: [["s1", "s2"]], share: 0.2 }
    expect(read(fault)).toMatchObject({ _tag: "Success", success: fault })
    expect(problem({ fault: "loss" })).toBe("none")
    const Plan = Schema.Struct({ faults: Schema.Array(Fault) })
    expect(Schema.decodeUnknownSync(Plan)({ faults: [fault] })).toEqual({ faults: [fault] })
    expect(() => Schema.decodeUnknownSync(Plan)({ faults: [{ ...fault, shore: 1 }] })).toThrow("shore")
  })

  it("is refused where it says what no fault says, or not what it must", () => {
    expect(problem({ fault: "rain" })).toBe('there is no fault "rain"')
    expect(problem("loss")).toContain("there is no fault")
    expect(problem({ fault: "loss", shore: 0.2 })).toContain("shore")
    expect(problem({ fault: "loss", share: 2 })).toContain("share")
    expect(problem({ fault: "loss", between: [] })).toContain("between")
    expect(problem({ fault: "crash" })).toContain("server")
    expect(problem({ fault: "clock-skew", servers: ["s1"], aheadMs: 0.5 })).toContain("aheadMs")
  })
})

describe("every fault", () => {
  const servers = ["s1", "s2", "s3", "s4"]

  it.each(faults)("$name is drawn as plain JSON that can be read, and draws differ by seed", (definition) => {
    const drawn = Array.from({ length: 40 }, (_, seed) => definition.draw(new KeyedChance(seed), servers))
    for (const fault of drawn) {
      expect(JSON.parse(JSON.stringify(fault))).toEqual(fault)
      expect(problem(fault)).toBe("none")
    }
    if (!["islands", "identity-server-unreachable"].includes(definition.name))
      expect(new Set(drawn.map((fault) => JSON.stringify(fault))).size).toBeGreaterThan(1)
    expect(definition.draw(new KeyedChance(1), servers)).toEqual(drawn[1])
    for (let seed = 1; seed <= 10; seed++) {
      const ofTwo = definition.draw(new KeyedChance(seed), ["s1", "s2"])
      expect(ofTwo === undefined || problem(ofTwo) === "none").toBe(true)
    }
  })

  it.each(faults)("$name heals once it is undone, and is the same each time", async (definition) => {
    for (const transport of ["http", "direct"] as const) {
      const first = await bout(definition, 1, transport)
      expect(new Set(first.held).size, JSON.stringify(first.fault)).toBe(1)
      expect(await bout(definition, 1, transport)).toEqual(first)
    }
  })

  it("is the same in another process with another time zone and locale", async () => {
    const main = new URL("testing/battery-main.ts", import.meta.url).pathname
    const env = { ...process.env, TZ: "Asia/Kathmandu", LC_ALL: "tr_TR.UTF-8" }
    const there = await promisify(execFile)(process.execPath, [main, "2"], { env })
    const here: string[] = []
    for (const definition of faults) {
      const { name, traceHash } = await bout(definition, 2, "http")
      here.push(`${name} ${traceHash}`)
    }
    expect(there.stdout.trim().split("\n")).toEqual(here)
  })

  it("stands in docs/faults.md", async () => {
    const docs = await readFile(new URL("../../docs/faults.md", import.meta.url), "utf8")
    expect(docs).toBe(`${faultsTable()}\n`)
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
  })
})

describe("draws", () => {
  it("are keyed: a fault on one link does to it what it does without one on another", async () => {
    const { inRoom, say, traced } = await import("./testing/with-fault.ts")
    const lossOn = (...others: readonly Fault[]) =>
      inRoom({ servers: 3 }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage } = played
          for (const fault of others) yield* stage.fault(fault)
          yield* stage.fault({ fault: "loss", id: "mine", between: [["s1", "s2"]], share: 0.4 })
          for (let nth = 1; nth <= 12; nth++) {
            yield* say(played, "s1", roomId, `${nth}`)
            yield* stage.wait(300_000)
          }
          return traced(played, "fault").filter((line) => line.endsWith(" mine")).length
        }),
      )
    const alone = await lossOn()
    expect(alone).toBeGreaterThan(2)
    expect(await lossOn({ fault: "latency", between: [["s1", "s3"]] })).toBe(alone)
  })
})
