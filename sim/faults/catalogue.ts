/** All faults that there are, as one list: what a file may say, what a plan may draw, what the table documents. */
import { Data, Effect, Schema, type Scope } from "effect"
import type { FaultDefinition, FaultWorld, Written } from "./fault.ts"
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
import { crash, restart } from "./servers/crashes.ts"

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

/** A fault in a file; names and fields that there are not are refused. It stays as it was written. */
export const Fault: Schema.Codec<Fault> = Schema.toEncoded(
  Schema.Union(definitions.map(({ schema }) => schema)),
) as never

const byName = new Map<string, AnyFaultDefinition>(faults.map((definition) => [definition.name, definition]))

/** The definition of a fault's kind. */
export const definitionOf = (name: FaultName): AnyFaultDefinition => byName.get(name)!

/** With all defaults in their places. */
const decode = ({ schema }: AnyFaultDefinition, json: unknown): Effect.Effect<object, Schema.SchemaError> =>
  Schema.decodeUnknownEffect(schema as unknown as Schema.Codec<object>)(json)

/** A fault that says what no fault can. */
export class FaultMalformed extends Data.TaggedError("FaultMalformed")<{ readonly message: string }> {}

/** Reads a fault: one line says what is wrong with it, if so. */
export const readFault = (json: unknown): Effect.Effect<Fault, FaultMalformed> => {
  const name = typeof json === "object" && json !== null && "fault" in json ? json.fault : undefined
  const definition = byName.get(String(name))
  if (definition === undefined) return new FaultMalformed({ message: `there is no fault ${String(name)}` })
  return decode(definition, json).pipe(
    Effect.as(json as Fault),
    Effect.mapError((error) => new FaultMalformed({ message: `fault ${definition.name}: ${error.message}` })),
  )
}

/** Does a fault in that world for as long as the scope lives. Dies where it is malformed or names who is not there. */
export const applyFault = (world: FaultWorld, fault: Fault): Effect.Effect<void, never, Scope.Scope> => {
  const definition = definitionOf(fault.fault)
  return decode(definition, fault).pipe(
    Effect.orDie,
    Effect.tap(() => Effect.sync(() => world.kernel.trace.record("fault", "begins", JSON.stringify(fault)))),
    Effect.flatMap((whole) => definition.apply(world, whole as never)),
    Effect.andThen(
      Effect.addFinalizer(() =>
        Effect.sync(() => world.kernel.trace.record("fault", "ends", JSON.stringify(fault))),
      ),
    ),
  )
}
