/** The house rules that no compiler knows, as data. */

/** What is forbidden inside the simulated world; each group may be allowed by itself. */
export type Group = "time" | "timers" | "chance" | "locale" | "promises" | "console"

export interface BannedCall {
  readonly group: Group
  /** The words and signs as they stand in the source, comments and blanks aside. */
  readonly tokens: readonly string[]
  /** Signs or words that make it something else when they stand right before. */
  readonly unlessAfter?: readonly string[]
  /** The same, right behind. */
  readonly unlessBefore?: readonly string[]
  readonly instead: string
}

const ban = (group: Group, instead: string, ...calls: readonly string[]): readonly BannedCall[] =>
  calls.map((call) => ({ group, instead, tokens: call.split(" ") }))

const clock = "Clock.currentTimeMillis or Clock.currentTimeNanos of effect"
const chance = "the chance service of spec-impl/homeserver/chance.ts"
const timers = "Effect.sleep, Effect.timeout or a Schedule"
const yieldNow = "Effect.yieldNow"
const codePoints = "a comparison by code point (`<` is right for ASCII)"
const invariant = "the invariant form (toLowerCase, toUpperCase, String)"
const kernelAwaits = "an Effect; a promise inside the kernel must be awaited by the kernel itself"

/** Every ambient source of time, chance and order, with what to use in its place. */
export const bannedCalls: readonly BannedCall[] = [
  ...ban(
    "time",
    clock,
    "Date . now",
    "new Date ( )",
    "performance . now",
    "performance . timeOrigin",
    "hrtime",
  ),
  { group: "time", tokens: ["new", "Date"], unlessBefore: ["("], instead: clock },
  { group: "time", tokens: ["Date", "("], unlessAfter: ["new", "."], instead: clock },
  ...ban("timers", timers, "setTimeout", "setInterval"),
  ...ban("timers", yieldNow, "setImmediate", "queueMicrotask", "nextTick"),
  ...ban("chance", chance, "Math . random", "randomUUID", "getRandomValues", "randomBytes", "randomInt"),
  ...ban("chance", chance, "randomFill", "randomFillSync", "randomSecretKey", "generateKeyPairSync"),
  ...ban("promises", "the synchronous functions of node:crypto", "subtle", "webcrypto"),
  ...ban("promises", kernelAwaits, "Promise . race", "Effect . promise", "Effect . tryPromise"),
  ...ban("locale", codePoints, "localeCompare", "Intl . Collator"),
  ...ban("locale", invariant, "toLocaleString", "toLocaleDateString", "toLocaleTimeString"),
  ...ban("locale", invariant, "toLocaleLowerCase", "toLocaleUpperCase", "Intl . DateTimeFormat"),
  ...ban("console", "Console of effect, or the trace", "console ."),
]

/** Where a group is allowed, and why. A path that ends in `/` means all below it. */
export interface Allowance {
  readonly path: string | RegExp
  readonly groups: readonly Group[]
  readonly reason: string
}

export const allowances: readonly Allowance[] = [
  {
    path: "cli/",
    groups: ["time", "timers", "promises", "console"],
    reason: "the process around the simulator: it measures wall time, loads modules, prints",
  },
  {
    path: /^cli\/(?:serve[^/]*\.test\.ts$|testing\/)/,
    groups: ["timers"],
    reason: "tests of processes on the real network, which take their time",
  },
  {
    path: "cli/sweep/cluster/",
    groups: ["chance"],
    reason: "names of sweeps and workers, which differ on all machines",
  },
  {
    path: ".ci/",
    groups: ["time", "promises", "console"],
    reason: "works on the house from outside, and is never part of a run",
  },
  {
    path: "loadtest/",
    groups: ["time", "timers", "chance", "promises", "console"],
    reason: "load on real servers, and what they are measured by",
  },
  {
    path: "spec-impl/https/",
    groups: ["time", "timers", "chance", "promises"],
    reason: "the real network",
  },
  {
    path: "spec-impl/homeserver/chance.ts",
    groups: ["chance"],
    reason: "holds the layer of chance for the real world",
  },
  {
    path: "spec-impl/homeserver/signatures/verify-threads.ts",
    groups: ["timers"],
    reason: "threads of a real server, which end when they are not used",
  },
  {
    path: "sim/bench/run-bench-world.ts",
    groups: ["time"],
    reason: "measures how long a world takes in wall time",
  },
  {
    path: "sim/world/run-scenario.ts",
    groups: ["time"],
    reason: "measures the wall time of a run, around the kernel, never inside it",
  },
  {
    path: /^sim\/kernel\/guard(\.test)?\.ts$/,
    groups: ["time", "timers", "chance", "locale", "promises", "console"],
    reason: "names what the guard traps, and shows that it does",
  },
  {
    path: /\.test\.ts$/,
    groups: ["time", "promises"],
    reason: "a test stands outside the simulation: it measures and awaits",
  },
]

export interface TextRule {
  readonly pattern: RegExp
  readonly message: string
}

/** What may stand in no text file at all. */
export const textRules: readonly TextRule[] = [
  {
    pattern: /(?:^|[\s"'`(=:])\/(?:work|home|tmp|root|Users|var\/folders)\//,
    message: "a path of one machine: take it from the arguments, node:os or import.meta.url",
  },
  {
    pattern: /"resolved":\s*"https?:|https?:\/\/[^\s"'`]*(?:registry\.|npmjs\.org|:4873)/,
    message: "the address of a registry: npm knows its own",
  },
]

/** What may not stand in what people wrote (fixtures and the lockfile hold base64, which may spell anything). */
export const sourceTextRules: readonly TextRule[] = [
  { pattern: /\b(?:TO(?:DO)|FIX(?:ME)|X{3})\b/, message: "unfinished: do it, or open an issue" },
  { pattern: /@ts-(?:ignore|nocheck)\b/, message: "a silenced compiler: mend the type" },
]

/** Files of the house are at most this long, tests and generated files aside. */
export const linesMax = 400

/** Files that are longer, each with the reason why it is still one concern. */
export const longFiles: Readonly<Record<string, string>> = {}
