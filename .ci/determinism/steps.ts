/** A trace step by step, to find the first step at which two runs part. */
import { createHash } from "node:crypto"
import { serverHash } from "#sim/kernel/server-runtime.ts"
import { Trace, type TraceField } from "#sim/kernel/trace.ts"

/** One step: whose it was, when, and what happened in it. */
export interface Step {
  readonly step: number
  /** Stands for the server: its hash. */
  readonly server: number
  readonly virtualMs: number
  readonly records: readonly (readonly (string | number)[])[]
}

/** Keeps every step; bytes as their hash. */
export class SteppedTrace extends Trace {
  readonly kept: Step[] = []
  #records: (readonly (string | number)[])[] = []

  override step(server: number, virtualMs: number): void {
    super.step(server, virtualMs)
    this.#records = []
    this.kept.push({ step: this.steps, server, virtualMs, records: this.#records })
  }

  override record(kind: string, ...fields: readonly TraceField[]): void {
    super.record(kind, ...fields)
    this.#records.push([
      kind,
      ...fields.map((field) =>
        field instanceof Uint8Array ? `${field.length} bytes ${digest(field)}` : field,
      ),
    ])
  }
}

const digest = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("base64url").slice(0, 12)

/** The first step that is not the same in both, undefined where there is none. */
export const firstDifference = (here: readonly Step[], there: readonly Step[]): number | undefined => {
  const length = Math.max(here.length, there.length)
  for (let at = 0; at < length; at++) {
    if (JSON.stringify(here[at]) !== JSON.stringify(there[at])) return at + 1
  }
  return undefined
}

/** A step in words: whose, when, which requests that server was answering, and what it did. */
export const describeStep = (steps: readonly Step[], step: number): string => {
  const found = steps[step - 1]
  if (found === undefined) return "the run has ended"
  const server = serversIn(steps).get(found.server)
  const asked = server === undefined ? [] : requestsAtWork(steps.slice(0, step), server)
  const whose = server === undefined ? "of nobody's" : `of ${server}`
  const answering = asked.length === 0 ? "" : `, which was answering ${asked.join(" and ")}`
  const records = found.records.map((record) => record.join(" ").replaceAll(/\s+/g, " ").slice(0, 200))
  const did = records.length === 0 ? "" : `: ${records.join("; ")}`
  return `step ${step}, ${whose}, at ${found.virtualMs - (steps[0]?.virtualMs ?? 0)} ms${answering}${did}`
}

/** Every server that was ever on the network, by its hash. */
const serversIn = (steps: readonly Step[]): ReadonlyMap<number, string> =>
  new Map(
    steps.flatMap(({ records }) =>
      records
        .filter(([kind]) => kind === "attach")
        .map(([, name]) => [serverHash(String(name)), String(name)]),
    ),
  )

/** What has reached that server, and was not answered before the last step. */
const requestsAtWork = (steps: readonly Step[], server: string): readonly string[] => {
  const sent = new Map<string, string>()
  const atWork = new Map<string, string>()
  for (const [at, { records }] of steps.entries()) {
    for (const [kind, id, source, destination, method, target] of records) {
      if (kind === "request" && destination === server)
        sent.set(String(id), `${source}'s ${method} ${target}`)
      const request = sent.get(String(id))
      if (kind === "delivered" && request !== undefined) atWork.set(String(id), request)
      // A handler that dies of what it asked for is answered for in the same step.
      if (kind === "answer" && at < steps.length - 1) atWork.delete(String(id))
      if (kind === "crash" && id === server) atWork.clear()
    }
  }
  return [...atWork.values()]
}
