/** What a sweep and the workers of a cluster say to each other. */
import { Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { SeedResult, SeedTask } from "../job.ts"

/** As JSON, unchecked: `code` says that both ends have the same types. */
const trusted = <A>() => Schema.fromJsonString(Schema.Unknown) as unknown as Schema.Codec<A, string>

/** What a worker refuses, or where the simulator itself failed. */
export class SeedFailure extends Schema.TaggedError<SeedFailure>("netsplit/cli/SeedFailure")("SeedFailure", {
  /** Whether it is the simulator that failed, and not the worker that refused. */
  isDefect: Schema.Boolean,
  message: Schema.String,
}) {}

/**
 * Runs one seed. The request is kept in the database until there is an answer, and there is one answer to it, whichever
 * workers were at it.
 */
const RunSeed = Rpc.make("RunSeed", {
  payload: { code: Schema.String, task: trusted<SeedTask>() },
  success: trusted<SeedResult>(),
  error: SeedFailure,
  primaryKey: ({ task }) => `${task.seed}`,
}).annotate(ClusterSchema.Persisted, true)

/**
 * A sweep has many lanes, which are spread over the workers; each has one seed under way, and gets the next one with the
 * answer to it. So a worker that is faster gets more.
 */
export const SeedLane = Entity.make("SeedLane", [RunSeed])
