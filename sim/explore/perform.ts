/** The entries of a plan, each at its instant. */
import { Cause, Context, Effect, Exit, type Fiber } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import { domainOf } from "#spec-impl/core/identifiers.ts"
import { FederationUnreachable } from "#spec-impl/federation/client.ts"
import { LocalDevices } from "#spec-impl/federation/devices/local-devices.ts"
import { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { Acknowledged, MessageToDevice } from "../checks/check.ts"
import type { Kernel } from "../kernel/kernel.ts"
import type { Stage, StageFailure } from "../world/stage.ts"
import type { VirtualServer } from "../world/world.ts"
import { type Acting, OutOfReach } from "./actions/action.ts"
import { type Action, actionNamed } from "./actions/catalogue.ts"
import { allDevices } from "./actions/devices.ts"
import { type FaultEntry, isAction, type Plan } from "./plan.ts"

export interface Performance {
  readonly kernel: Kernel
  readonly stage: Stage
  readonly servers: ReadonlyMap<string, VirtualServer>
  /** By the plan's names. */
  readonly roomIds: Map<string, string>
  /** What became of each entry. */
  readonly outcomes: Map<string, string>
  readonly acknowledge: (said: Acknowledged) => void
  readonly claimed: (key: string) => void
  readonly sentToDevices: (message: MessageToDevice) => void
  readonly loggedOut: (device: string) => void
  readonly onDefect: (why: string) => void
}

/**
 * Begins each entry when its time has come, and ends when the faults are to end. Gives what says whether all have begun:
 * a fault that waits for a slow boot ends once it has.
 */
export const performAll = Effect.fnUntraced(function* (plan: Plan, performance: Performance) {
  const { kernel } = performance
  const made = new Map<string, Event>()
  const fibers: [id: string, Fiber.Fiber<void, unknown>][] = []
  for (const entry of plan.entries.toSorted((a, b) => a.atMs - b.atMs)) {
    if (entry.atMs > plan.faultsMs) break
    yield* Effect.sleep(Math.max(0, entry.atMs - kernel.elapsedMs))
    const fiber = yield* isAction(entry)
      ? Effect.forkDetach(act(entry.id, entry.do, made, performance), { startImmediately: true })
      : Effect.forkDetach(disturb(entry, performance), { startImmediately: true })
    if (!isAction(entry)) fibers.push([entry.id, fiber])
    // What an action comes to it says itself.
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        performance.onDefect(`${entry.id}: ${String(Cause.squash(exit.cause))}`)
    })
  }
  yield* Effect.sleep(Math.max(0, plan.faultsMs - kernel.elapsedMs))
  return (): boolean =>
    fibers.every(([id, fiber]) => performance.outcomes.has(id) || fiber.pollUnsafe() !== undefined)
})

const disturb = Effect.fnUntraced(function* (
  { id, fault, forMs }: FaultEntry,
  { stage, outcomes }: Performance,
) {
  const undo = yield* stage.fault({ ...fault, id })
  outcomes.set(id, "begun")
  if (forMs === undefined) return
  yield* Effect.sleep(forMs)
  yield* undo
  outcomes.set(id, "done")
})

/** Whoever acts does so on the server that is up then; an answer that a crash took never comes. */
const act = (
  entryId: string,
  action: Action,
  made: Map<string, Event>,
  performance: Performance,
): Effect.Effect<void> => {
  const { kernel, stage, servers, roomIds, outcomes, acknowledge, claimed, loggedOut, onDefect } = performance
  const serverName = domainOf(action.user) ?? ""
  const conclude = (outcome: string) =>
    Effect.sync(() => {
      outcomes.set(entryId, outcome)
      kernel.trace.record("entry", entryId, outcome)
    })
  return Effect.suspend(() => {
    const server = servers.get(serverName)
    if (server === undefined || server.isDown()) return conclude("refused: its server is down")
    const acting: Acting = {
      stage,
      entryId,
      user: stage.user(action.user),
      server,
      roomId: (name) => {
        const id = roomIds.get(name)
        return id === undefined
          ? new OutOfReach({ message: `there is no room ${name} yet` })
          : Effect.succeed(id)
      },
      nameRoom: (name, roomId) => void roomIds.set(name, roomId),
      eventOf: (id) => {
        const event = made.get(id)
        return event === undefined
          ? new OutOfReach({ message: `${id} has made no event` })
          : Effect.succeed(event)
      },
      made: (event) => {
        made.set(entryId, event)
        if (!isFromOutside(event, server))
          acknowledge({ server: serverName, roomId: event.roomId, eventId: event.eventId })
      },
      claimed,
      sendingToDevice: (target, device) => {
        const there = devicesOf(servers.get(domainOf(target) ?? ""), target)
        const devices = device === allDevices ? there : there.filter((deviceId) => deviceId === device)
        const message = { sender: action.user, target, devices, from: entryId }
        return () => performance.sentToDevices(message)
      },
      loggedOut,
    }
    outcomes.set(entryId, "unanswered")
    return actionNamed(action.act)
      .perform(acting, action as never)
      .pipe(
        Effect.matchCauseEffect({
          onSuccess: () => conclude("done"),
          onFailure: (cause) => {
            const error = Cause.squash(cause)
            if (isRefusal(error)) return conclude(`refused: ${describe(error)}`)
            // A server that crashes between two acts of one entry leaves the second to nobody.
            const isCutOff = server.isDown() || Cause.hasInterruptsOnly(cause)
            if (!isCutOff) onDefect(`${entryId}: ${String(error)}`)
            return conclude("broke off")
          },
        }),
      )
  }).pipe(kernel.within(serverName))
}

/** Those that the user has now. */
const devicesOf = (server: VirtualServer | undefined, userId: string): readonly string[] =>
  server === undefined
    ? []
    : Object.keys(Context.get(server.services, LocalDevices).listOf(userId)?.devices ?? {})

/** Whoever is outside turns down invites and takes back knocks there: their server holds nothing of it. */
const isFromOutside = ({ roomId, eventId, type, content }: Event, { rooms }: VirtualServer): boolean =>
  type === "m.room.member" &&
  (content.membership === "leave" || content.membership === "knock") &&
  rooms.find(roomId)?.dag.record(eventId) === undefined

type Refusal = StageFailure | OutOfReach

const isRefusal = (error: unknown): error is Refusal =>
  error instanceof MatrixError ||
  error instanceof FederationUnreachable ||
  error instanceof OutOfReach ||
  (error instanceof Error && "_tag" in error && error._tag === "StoreFailure")

const describe = (error: Refusal): string => error.message
