// Shows that wrong usage of any kind is one line on stderr that says what to do, with exit code 64, and that
// a fault of netsplit itself is told apart from the answers 1 and 2.
import { Effect, Layer } from "effect"
import { describe, expect, test } from "vitest"
import { Engine } from "./engine.ts"
import { runLine } from "./testing/run-line.ts"

const faultyEngine = Layer.succeed(Engine, {
  scenarios: Effect.die(new Error("no scenario loads\nsecond line")),
  run: () => Effect.die(new Error("unreachable")),
})

describe("wrong usage", () => {
  test.each([
    ["rnu", "unknown command \"rnu\"; did you mean run? try 'netsplit --help'"],
    ["run", "<scenario> is missing; try 'netsplit run --help'"],
    ["run nosuch", 'unknown scenario "nosuch"; known are small-split, small-heal'],
    ["run small-spilt", 'unknown scenario "small-spilt"; did you mean small-split?'],
    ["run small-split --seed x", '--seed wants a whole number from 0 to 2^53 − 1, not "x"'],
    ["run small-split --seed -1", '--seed wants a whole number from 0 to 2^53 − 1, not "-1"'],
    ["run small-split --seed 1e3", '--seed wants a whole number from 0 to 2^53 − 1, not "1e3"'],
    ["run small-split --seed", "--seed wants N, but nothing follows it; try 'netsplit run --help'"],
    [
      "run small-split --room-version 99",
      '--room-version wants room versions from 1 to 12, with commas between them, not "99"',
    ],
    [
      "run small-split --room-version 10,",
      '--room-version wants room versions from 1 to 12, with commas between them, not "10,"',
    ],
    ["run small-split --servers 0", '--servers wants a whole number from 1 to 2^53 − 1, not "0"'],
    ["run small-split --servers 1", "--servers 1 is too few: the story of small-split needs 2"],
    ["run small-split --transport udp", '--transport wants "http" | "direct", not "udp"'],
    ["run small-split --until 5", "--until takes one room version: add --room-version 10"],
    ["run small-split --sed 1", "unknown flag --sed; did you mean --seed? try 'netsplit run --help'"],
    ["run small-split more", "unexpected \"more\"; try 'netsplit run --help'"],
    ["scenarios --json --markdown", "--json and --markdown exclude each other: leave one out"],
    ["resolve", "--corpus is missing; try 'netsplit resolve --help'"],
    ["resolve --corpus no-such-file.json", 'cannot read "no-such-file.json": no such file'],
    ["resolve --corpus cli", '"cli" is a directory: name the files in it'],
  ])("%s", async (line, message) => {
    expect(await runLine(line.split(" "))).toEqual({
      exitCode: 64,
      stdout: "",
      stderr: `netsplit: ${message}\n`,
    })
  })

  test("no command at all shows the help, on stderr", async () => {
    const { exitCode, stdout, stderr } = await runLine([])
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: "" })
    expect(stderr).toContain("SUBCOMMANDS")
  })
})

describe("help", () => {
  test.each(["", "run", "scenarios", "resolve"])("%s --help goes to stdout", async (command) => {
    const { exitCode, stdout, stderr } = await runLine([command, "--help"].filter(Boolean))
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" })
    expect(stdout).toContain(`netsplit ${command}`.trim())
  })
})

describe("a fault of netsplit itself", () => {
  test("is one line and exit code 70", async () => {
    expect(await runLine(["scenarios"], faultyEngine)).toEqual({
      exitCode: 70,
      stdout: "",
      stderr: "netsplit: no scenario loads (a fault of netsplit; --debug shows where)\n",
    })
  })

  test("comes with its stack under --debug only", async () => {
    const { exitCode, stderr } = await runLine(["scenarios", "--debug"], faultyEngine)
    expect(exitCode).toBe(70)
    expect(stderr).toContain("netsplit.test.ts")
  })
})
