/** effect's cluster over PostgreSQL: all that machines say to each other goes through the database. */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as PgClient from "@effect/sql-pg/PgClient"
import { type Context, Effect, Layer, Option, Redacted, References, type Scope } from "effect"
import {
  type MessageStorage,
  RunnerAddress,
  RunnerHealth,
  type RunnerStorage,
  Runners,
  Sharding,
  ShardingConfig,
  SqlMessageStorage,
  SqlRunnerStorage,
} from "effect/cluster"
import { SqlClient, type SqlError } from "effect/sql"
import { UsageError } from "../../outcome.ts"

/** Begins the names of the cluster's tables. */
const prefix = "netsplit"
/** The number of an advisory lock; it only has to be nobody else's. */
const migrationLock = 0x6e657473

/** A worker as the cluster knows it; more weight gets more lanes. */
export interface ClusterWorker {
  readonly name: string
  readonly weight: number
}

/** Who holds no sign of life for so long is taken for dead, and its lanes go to others. */
const deadAfter = "15 seconds"

const settings = (worker: ClusterWorker | undefined) =>
  ShardingConfig.layer({
    // Nobody connects to it: it is no more than a name.
    runnerAddress: Option.map(Option.fromNullishOr(worker), ({ name }) => RunnerAddress.make(name, 0)),
    runnerShardWeight: worker?.weight ?? 1,
    shardLockExpiration: deadAfter,
    shardLockRefreshInterval: "5 seconds",
    refreshAssignmentsInterval: "1 second",
    entityMessagePollInterval: "200 millis",
    entityReplyPollInterval: "200 millis",
  })

const client = (url: URL) => {
  const password = url.password === "" ? process.env.PGPASSWORD : undefined
  return PgClient.layer({
    url: Redacted.make(url.href),
    ...(password === undefined ? {} : { password: Redacted.make(password) }),
    applicationName: "netsplit",
    maxConnections: 4,
  })
}

/** Makes the tables, one process at a time: those that find none all want to. */
const migrate = Effect.scoped(
  Effect.gen(function* () {
    const connection = yield* (yield* SqlClient.SqlClient).reserve
    const lock = (how: string) => connection.executeRaw(`SELECT ${how}(${migrationLock})`, [])
    yield* Effect.acquireRelease(lock("pg_advisory_lock"), () => Effect.ignore(lock("pg_advisory_unlock")))
    yield* Layer.build(
      Layer.merge(
        SqlMessageStorage.layerMigrations({ prefix }),
        SqlRunnerStorage.layerMigrations({ prefix }),
      ),
    )
  }),
)

const storages = Layer.merge(
  SqlMessageStorage.layerStorage({ prefix }),
  SqlRunnerStorage.layerStorage({ prefix }),
).pipe(Layer.provide(NodeCrypto.layerDigest), Layer.provide(Layer.effectDiscard(migrate)))

/**
 * Joins the cluster as a worker, or as one who only asks; leaves it with the scope. Workers find each other, and who is
 * gone, in the database alone; so no machine needs a port. Fails where the database cannot be used.
 */
export const joinCluster = (
  url: URL,
  worker?: ClusterWorker,
): Effect.Effect<
  Context.Context<Sharding.Sharding | MessageStorage.MessageStorage | RunnerStorage.RunnerStorage>,
  UsageError,
  Scope.Scope
> =>
  Sharding.layer.pipe(
    Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop]),
    Layer.provideMerge(storages),
    Layer.provide(settings(worker)),
    Layer.provide(client(url)),
    Layer.build,
    Effect.mapError((error) => new UsageError({ message: `${showDatabase(url)}: ${whyNot(error)}` })),
    // That workers come and go is no news.
    Effect.provideService(References.MinimumLogLevel, "Error"),
    Effect.provideService(References.LogToStderr, true),
  )

/** Without the password. */
export const showDatabase = (url: URL): string => `postgres://${url.username}@${url.host}${url.pathname}`

const whyNot = (error: SqlError.SqlError): string => {
  const cause = error.reason.cause
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message
}
