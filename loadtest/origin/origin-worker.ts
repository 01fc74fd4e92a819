/** The thread in which the origin lives, so that what it does is not in the way of what makes the load. */
import { parentPort, workerData } from "node:worker_threads"
import { Effect, Exit, Scope } from "effect"
import type { WireHandler } from "#spec-impl/federation/wire.ts"
import type { RoomsWanted } from "../corpus/flows.ts"
import type { RoomStart } from "../corpus/room-start.ts"
import { makeOrigin, type Origin } from "./homeserver.ts"
import { type Listening, openFront } from "./https-front.ts"
import { OwnPast } from "./own-past.ts"
import type { TargetAddress } from "./target-client.ts"

export interface OriginTask {
  readonly listening: Listening
  /** The host name that the origin has; the port is added. */
  readonly hostName: string
  readonly seed: number
}

/** What the thread does for whoever started it. */
export interface OriginCalls {
  /** Begins to be, for that target; gives the server name. */
  begin(target: TargetAddress): Promise<string>
  makeRooms(wanted: RoomsWanted, roomVersion: string): Promise<readonly string[]>
  starts(roomIds: readonly string[]): Promise<readonly RoomStart[]>
  takeUp(starts: readonly RoomStart[]): Promise<void>
  serversIn(roomId: string): Promise<readonly string[]>
  /** Learns what a corpus sends in its name. */
  learn(directory: string): Promise<void>
  /** How many requests it has answered, and how many lines of corpora it had to look up for that. */
  statistics(): Promise<{ readonly requests: number; readonly linesTaken: number }>
  stop(): Promise<void>
}

/** A call as it goes to the thread, and its outcome as it comes back. */
export interface CallMessage {
  readonly id: number
  readonly name: keyof OriginCalls
  readonly given: readonly unknown[]
}
export interface OutcomeMessage {
  readonly id: number
  readonly result?: unknown
  readonly problem?: string
}

const serve = async ({ listening, hostName, seed }: OriginTask): Promise<OriginCalls> => {
  let handler: WireHandler | undefined
  let origin: Origin | undefined
  let past: OwnPast | undefined
  let requests = 0
  const front = await openFront(listening, () => handler)
  const scope = Effect.runSync(Scope.make())
  const serverName = `${hostName}:${front.port}`
  const running = (): Origin => {
    if (origin === undefined) throw new Error("the origin has not begun")
    return origin
  }
  return {
    begin: async (target) => {
      const begun = await Effect.runPromise(
        makeOrigin({ serverName, seed, target }).pipe(Scope.provide(scope), Effect.orDie),
      )
      const own = new OwnPast(begun.hold)
      origin = begun
      past = own
      handler = (request) => {
        requests += 1
        const body = Buffer.from(request.body).toString("latin1")
        return Effect.andThen(own.upTo(request.target, body), begun.handler(request))
      }
      return serverName
    },
    makeRooms: (wanted, version) => Effect.runPromise(running().makeRooms(wanted, version)),
    starts: async (roomIds) => running().starts(roomIds),
    takeUp: (starts) => Effect.runPromise(running().takeUp(starts)),
    serversIn: async (roomId) => [...running().serversIn(roomId)],
    learn: async (directory) => past?.learn(directory),
    statistics: async () => ({ requests, linesTaken: past?.taken ?? 0 }),
    stop: async () => {
      front.close()
      await past?.close()
      await Effect.runPromise(Scope.close(scope, Exit.void))
    },
  }
}

if (parentPort !== null) {
  const port = parentPort
  const calls = serve(workerData as OriginTask)
  port.on("message", async ({ id, name, given }: CallMessage) => {
    try {
      const call = (await calls)[name] as (...given: readonly unknown[]) => Promise<unknown>
      port.postMessage({ id, result: await call(...given) } satisfies OutcomeMessage)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      port.postMessage({ id, problem } satisfies OutcomeMessage)
    }
  })
}
