/**
 * A fault does the same on both transports (DESIGN.md, principle 11), but where it works on bytes: the same requests at
 * the same virtual instants, the same final states and verdicts, and all heals.
 */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { KeyedChance } from "../kernel/keyed-chance.ts"
import { runScenario } from "../world/run-scenario.ts"
import type { Scenario } from "../world/scenario.ts"
import type { Stage } from "../world/stage.ts"
import type { Transport } from "../world/world.ts"
import { type AnyFaultDefinition, type Fault, faults } from "./catalogue.ts"

const servers = ["s1", "s2", "s3"]

/** What a user says, unless the server is down or cannot keep it. */
const tryToSay = (stage: Stage, server: string, room: string, body: string) =>
  Effect.suspend(() => stage.user(`@user:${server}`).say(room, body)).pipe(
    Effect.timeoutOption(5_000),
    Effect.exit,
  )

/** Three servers talk under a fault that is drawn; it is undone by the end of the story. */
const storyOf = ({ name, draw, wantsNames }: AnyFaultDefinition, seed: number): Scenario => ({
  name,
  title: name,
  about: name,
  serversDefault: 3,
  roomVersionsDefault: ["11"],
  ...(wantsNames ? { serverNames: servers } : {}),
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  wanted: () => true,
  story: Effect.fnUntraced(function* (stage) {
    const room = yield* stage.user("@user:s1").createRoom({ roomVersion: stage.roomVersion })
    for (const server of ["s2", "s3"]) yield* stage.user(`@user:${server}`).join(room, "s1")
    yield* stage.quiet
    const fault = draw(new KeyedChance(`${name} ${seed}`), servers) as Fault
    yield* stage.fault(fault)
    for (let turn = 1; turn <= 3; turn++) {
      for (const server of servers) yield* tryToSay(stage, server, room, `turn ${turn}`)
      yield* stage.wait(30_000)
    }
    return room
  }),
})

const outcomeOf = async (scenario: Scenario, seed: number, transport: Transport) => {
  const requests: string[] = []
  const { runs } = await runScenario(scenario, {
    seed,
    roomVersions: scenario.roomVersionsDefault,
    transport,
    inOrder: true,
    onRecord: ({ kind, virtualMs, fields }) => {
      const [, source, destination, method, target] = fields
      if (kind === "request") requests.push(`${virtualMs} ${source} ${destination} ${method} ${target}`)
    },
  })
  const { agree, live, state, virtualMs, events } = runs[0]!
  return { agree, live, state, virtualMs, events, requests: requests.sort() }
}

describe("http and direct", () => {
  it.each(faults.filter(({ onBytes }) => !onBytes))("$name does the same on both", async (definition) => {
    for (const seed of [1, 2]) {
      const scenario = storyOf(definition, seed)
      const direct = await outcomeOf(scenario, seed, "direct")
      expect(direct).toMatchObject({ agree: "yes", live: "yes" })
      expect(direct).toEqual(await outcomeOf(scenario, seed, "http"))
    }
  })
})
