/** All faults that there are, as one list: what a file may say, what a plan may draw, what the table documents. */
import { Data, Effect, Result, Schema, type Scope } from "effect"
import type { FaultDefinition, FaultWorld, Written } from "./fault.ts"
import { hostileEvent } from "./hostile/hostile-event.ts"
import { replyAltered, replyTruncated, slowBody } from "./network/answers.ts"
import { bandwidthCap } from "./network/bandwidth.ts"
import { connectionRefused, connectionReset, connectionTimeout, hold } from "./network/connections.ts"
import { httpError } from "./network/http-errors.ts"
import { latency } from "./network/latency.ts"
import { duplication, loss, reordering, replyLoss } from "./network/loss.ts"
import { certificateExpired, certificateWrong, dnsFailure, dnsStale, dnsWrong } from "./network/names.ts"
import {
  bridge,
  flapping,
  islands,
  isolation,
  linkCut,
  oneWayPartition,
  partition,
} from "./network/partitions.ts"
import {
  identityServerUnreachable,
  policyServerUnreachable,
  refusedEndpoint,
  withheldEvents,
} from "./protocol/refusals.ts"
import { holedState, staleState } from "./protocol/states.ts"
import { clockDrift, clockJump, clockSkew } from "./servers/clocks.ts"
import { crash, pause, restart } from "./servers/crashes.ts"
import { diskFull, diskLatency, storeRollback } from "./servers/disks.ts"
import { keyLoss, keyReuse, keyRotation } from "./servers/keys.ts"

const definitions = [
  latency,
  loss,
  duplication,
  reordering,
  replyLoss,
  replyTruncated,
  replyAltered,
  slowBody,
  connectionRefused,
  connectionReset,
  connectionTimeout,
  bandwidthCap,
  hold,
  httpError,
  partition,
  bridge,
  islands,
  isolation,
  oneWayPartition,
  linkCut,
  flapping,
  dnsFailure,
  dnsStale,
  dnsWrong,
  certificateExpired,
  certificateWrong,
  crash,
  restart,
  pause,
  clockSkew,
  clockDrift,
  clockJump,
  keyRotation,
  keyLoss,
  keyReuse,
  diskFull,
  diskLatency,
  storeRollback,
  staleState,
  holedState,
  withheldEvents,
  refusedEndpoint,
  policyServerUnreachable,
  identityServerUnreachable,
  hostileEvent,
] as const

type Definition = (typeof definitions)[number]

/** A fault, as it stands in a file: plain JSON. Fields that have a default may be left out. */
export type Fault = Written<Definition>
/** What kinds of fault there are. */
export type FaultName = Definition["name"]

/** A definition whatever its fields: what it is asked with decides whether it fits. */
export type AnyFaultDefinition = FaultDefinition<FaultName>

/** All definitions, in the order of the table. */
export const faults: readonly AnyFaultDefinition[] = definitions as never

const byName = new Map<string, AnyFaultDefinition>(faults.map((definition) => [definition.name, definition]))

/** The definition of a fault's kind. */
export const definitionOf = (name: FaultName): AnyFaultDefinition => byName.get(name)!

/** With all defaults in their places. */
const whole = ({ schema }: AnyFaultDefinition, json: unknown) =>
  Schema.decodeUnknownResult(schema as unknown as Schema.Codec<object>)(json, { onExcessProperty: "error" })

/** Why that is no fault, in one line; undefined where it is one. */
const problemOf = (json: unknown): string | undefined => {
  const name = typeof json === "object" && json !== null && "fault" in json ? String(json.fault) : ""
  const definition = byName.get(name)
  if (definition === undefined) return `there is no fault ${JSON.stringify(name)}`
  const result = whole(definition, json)
  return Result.isFailure(result)
    ? `fault ${name}: ${result.failure.message.replaceAll(/\s+/g, " ")}`
    : undefined
}

/** A fault in a file, which stays as it was written; names and fields that there are not are refused. */
export const Fault: Schema.Codec<Fault> = Schema.Unknown.check(Schema.makeFilter(problemOf)) as never

/** A fault that says what no fault can. */
export class FaultMalformed extends Data.TaggedError("FaultMalformed")<{ readonly message: string }> {}

/** Reads a fault: one line says what is wrong with it, if so. */
export const readFault = (json: unknown): Effect.Effect<Fault, FaultMalformed> => {
  const message = problemOf(json)
  return message === undefined ? Effect.succeed(json as Fault) : new FaultMalformed({ message })
}

/** Does a fault in that world for as long as the scope lives. Dies where it is malformed or names who is not there. */
export const applyFault = Effect.fnUntraced(function* (
  world: FaultWorld,
  fault: Fault,
): Effect.fn.Return<void, never, Scope.Scope> {
  yield* Effect.orDie(readFault(fault))
  const definition = definitionOf(fault.fault)
  const { trace } = world.kernel
  const said = JSON.stringify(fault)
  yield* Effect.acquireRelease(
    Effect.sync(() => trace.record("fault", "begins", said)),
    () => Effect.sync(() => trace.record("fault", "ends", said)),
  )
  yield* definition.apply(world, Result.getOrThrow(whole(definition, fault)) as never)
})
