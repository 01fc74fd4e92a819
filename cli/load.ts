import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { jsonFlag } from "./json-flag.ts"
import { NotAsExpected, UsageError } from "./outcome.ts"
import { type Recording, recorded } from "./recording/recorded.ts"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)
const number = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withMetavar("N"), Flag.withDescription(description), Flag.optional)

const flags = {
  script: Argument.String("script").pipe(
    Argument.withDescription(
      "keys, send-one, send-fifty, send-conflict, state-ids, event, backfill, join-storm, mixed, breakpoint",
    ),
  ),
  target: text("target", "URL", "The server under load; a netsplit serve of its own unless given"),
  targetCa: text("target-ca", "FILE", "The authority of the target's certificate, in PEM"),
  clientUrl: text("client-url", "URL", "The target's client-server API, where it is not at --target"),
  accessToken: text(
    "access-token",
    "TOKEN",
    "Of a user of the target, who joins the rooms; or NETSPLIT_LOAD_TOKEN",
  ),
  metricsUrl: text("metrics-url", "URL", "Where the target tells its metrics, for Prometheus"),
  engine: Flag.Literals("engine", ["k6", "node"]).pipe(
    Flag.withDescription("Who runs the script; k6 where there is one on PATH or in K6_BIN, else node"),
    Flag.optional,
  ),
  rate: number("rate", "Iterations a second; for breakpoint those at its end"),
  duration: text("duration", "TIME", "How long, as 30s or 2m"),
  latencyMax: number("latency-max", "What 95 of 100 answers must be under, in milliseconds"),
  flow: text("flow", "NAME", "Whose corpus breakpoint sends; send-one unless given"),
  corpus: text("corpus", "DIR", "Where the corpus is, or is put; a temporary directory unless given"),
  prepare: Flag.Boolean("prepare").pipe(
    Flag.withDescription("Make the corpus in --corpus, have the target join its rooms, and stop"),
    Flag.withDefault(false),
  ),
  seed: Flag.Int("seed").pipe(Flag.withDescription("Of the corpus"), Flag.withDefault(1)),
  roomVersion: Flag.String("room-version").pipe(
    Flag.withMetavar("V"),
    Flag.withDescription("Of its rooms"),
    Flag.withDefault("12"),
  ),
  rooms: number("rooms", "How many rooms there are"),
  users: number("users", "How many users of the origin are in each"),
  originHost: Flag.String("origin-host").pipe(
    Flag.withMetavar("HOST"),
    Flag.withDescription("The name or address by which the target reaches this machine"),
    Flag.withDefault("127.0.0.1"),
  ),
  originListen: text("origin-listen", "ADDR:PORT", "Where the origin listens; 127.0.0.1:0 unless given"),
  originCert: text(
    "origin-cert",
    "FILE",
    "The origin's certificate in PEM, where the target wants a certain one",
  ),
  originKey: text("origin-key", "FILE", "Its private key in PEM"),
  json: jsonFlag,
}

/** Progress on one line of a terminal; nothing anywhere else. */
const makeProgress = () => {
  const isShown = process.stderr.isTTY === true
  let shownAt = 0
  return {
    show: (what: string, done: number, total: number) => {
      if (!isShown || (Date.now() - shownAt < 200 && done < total)) return
      shownAt = Date.now()
      process.stderr.write(`\r\x1b[K${what}: ${done} / ${total}`)
    },
    tell: (line: string) => void process.stderr.write(`${isShown ? "\r\x1b[K" : ""}netsplit: ${line}\n`),
    end: () => void (isShown && process.stderr.write("\r\x1b[K")),
  }
}

const results = fileURLToPath(new URL("../results/runs/", import.meta.url))

/** `netsplit load`: a load on a homeserver over federation, and what became of it. */
export const load = Command.make(
  "load",
  flags,
  Effect.fnUntraced(function* (input) {
    const given = <A>(option: Option.Option<A>): A | undefined => Option.getOrUndefined(option)
    const { checkFlags, corpusDirectory } = yield* Effect.promise(() => import("./load/load-flags.ts"))
    const { LoadFailure } = yield* Effect.promise(() => import("#loadtest/launch/failure.ts"))
    const { prepareOnly, runLoad } = yield* Effect.promise(() => import("#loadtest/launch/run-load.ts"))
    const { isAsExpected, presentReport, throughputOf } = yield* Effect.promise(
      () => import("#loadtest/launch/present.ts"),
    )
    const checked = yield* Effect.try({
      try: () =>
        checkFlags({
          ...{ script: input.script, target: given(input.target), "target-ca": given(input.targetCa) },
          ...{ "client-url": given(input.clientUrl), "access-token": given(input.accessToken) },
          ...{ "metrics-url": given(input.metricsUrl), engine: given(input.engine) },
          ...{ rate: given(input.rate), duration: given(input.duration) },
          ...{ "latency-max": given(input.latencyMax), flow: given(input.flow) },
          ...{ corpus: given(input.corpus), prepare: input.prepare, seed: input.seed },
          ...{ "room-version": input.roomVersion, rooms: given(input.rooms), users: given(input.users) },
          ...{ "origin-host": input.originHost, "origin-listen": given(input.originListen) },
          ...{ "origin-cert": given(input.originCert), "origin-key": given(input.originKey) },
        }),
      catch: (error) => (error instanceof UsageError ? error : new UsageError({ message: String(error) })),
    })
    const named = given(input.corpus)
    const directory =
      named === undefined ? mkdtempSync(join(tmpdir(), "netsplit-load-")) : corpusDirectory(named)
    const progress = makeProgress()
    const stop = new AbortController()
    const onSignal = () => stop.abort()
    process.on("SIGINT", onSignal)
    process.on("SIGTERM", onSignal)
    const options = {
      ...checked,
      directory,
      signal: stop.signal,
      tell: progress.tell,
      onProgress: progress.show,
    }
    const attempt = <A>(run: () => Promise<A>) =>
      Effect.tryPromise(run).pipe(
        Effect.catch(({ cause }) =>
          cause instanceof LoadFailure
            ? Effect.fail(new UsageError({ message: cause.message }))
            : Effect.die(cause),
        ),
      )
    yield* Effect.gen(function* () {
      if (input.prepare) {
        const made = yield* attempt(() => prepareOnly(options))
        progress.end()
        const line = `${made.requests} requests with ${made.pdus} PDUs in ${directory}: netsplit load ${input.script} --corpus ${directory}`
        return yield* Console.log(input.json ? JSON.stringify({ directory, ...made }) : line)
      }
      const play = Effect.fnUntraced(function* (recording: Recording) {
        const report = yield* attempt(() => runLoad(options))
        progress.end()
        const { what, perSecond } = throughputOf(report)
        yield* recording.report(report)
        yield* recording.add("samples", [
          { name: input.script, value: perSecond, unit: `${what}/s`, details: report.target },
        ])
        mkdirSync(results, { recursive: true })
        const path = join(
          results,
          `load-${input.script}-${new Date().toISOString().replaceAll(":", "-")}.json`,
        )
        writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`)
        yield* Console.log(
          input.json ? JSON.stringify(report) : `${presentReport(report)}\n\nkept in ${path}`,
        )
        if (!isAsExpected(report)) return yield* new NotAsExpected({ exitCode: 1 })
      })
      const { script, engine, seed, pace, latencyMsMax, flow, roomVersion, rooms, target } = checked
      // What is kept is named one by one: the token and the origin's private key are not.
      const told = { script, engine, pace, latencyMsMax, flow, roomVersion, rooms, target: target?.url }
      yield* recorded({ command: "load", seed, options: told }, play)
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          process.off("SIGINT", onSignal)
          process.off("SIGTERM", onSignal)
          if (named === undefined) rmSync(directory, { recursive: true, force: true })
        }),
      ),
    )
  }),
).pipe(
  Command.withDescription(
    "Put a homeserver under load over federation, by a k6 script of loadtest/scripts. Plays the origin server: makes rooms, " +
      "has the target join them, makes and signs all requests before the run, answers what the target asks back, and " +
      "compares the target's rooms with what was sent. A target of your own must reach the origin (--origin-host, " +
      "--origin-listen) and trust its certificate, and --access-token must be of a user of it. " +
      "Exit code: 0 as expected, 1 a threshold broke or a room differs, 64 it cannot run so.",
  ),
  Command.withShortDescription("Put a homeserver under load"),
  Command.withExamples([
    {
      command: "netsplit load send-fifty",
      description: "Fifty PDUs a transaction, on a netsplit serve of its own",
    },
    {
      command:
        "netsplit load send-one --target https://127.0.0.1:8448 --client-url http://127.0.0.1:8008 --access-token syt_…",
      description: "On a server that runs already",
    },
    {
      command:
        "netsplit load mixed --prepare --corpus mixed-corpus && netsplit load mixed --corpus mixed-corpus",
      description: "The corpus first, the load later",
    },
  ]),
)
