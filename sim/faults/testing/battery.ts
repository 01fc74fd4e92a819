/** Every fault at work, as a random plan would draw it: what must come out the same whenever and wherever it is run. */
import { Effect } from "effect"
import { KeyedChance } from "../../kernel/keyed-chance.ts"
import type { Transport } from "../../world/world.ts"
import type { AnyFaultDefinition, Fault } from "../catalogue.ts"
import { inRoom, say, userOf } from "./with-fault.ts"

const servers = ["s1", "s2", "s3"]

export interface Bout {
  readonly name: string
  readonly fault: Fault | undefined
  readonly traceHash: string
  /** How often the fault struck a request. */
  readonly strikes: number
  /** The events that each server holds in the end. */
  readonly held: readonly string[]
}

/** Three servers talk while the fault is on, and after it. */
export const bout = (
  { name, wantsNames, draw }: AnyFaultDefinition,
  seed: number,
  transport: Transport,
): Promise<Bout> =>
  inRoom({ seed, transport, servers: 3, ...(wantsNames ? { serverNames: servers } : {}) }, (played, roomId) =>
    Effect.gen(function* () {
      const { stage, kernel } = played
      const fault = draw(new KeyedChance(`${name} ${seed}`), servers) as Fault | undefined
      const undo = fault === undefined ? Effect.void : yield* stage.fault(fault)
      for (let turn = 1; turn <= 3; turn++) {
        for (const server of servers) {
          if (played.servers.get(server)!.isDown()) continue
          const talk = Effect.andThen(
            say(played, server, roomId, `turn ${turn}`),
            stage.user(userOf(server)).setState(roomId, "m.room.topic", { topic: `${turn} ${server}` }),
          )
          yield* Effect.ignore(talk).pipe(Effect.timeoutOption(60_000))
        }
        yield* stage.wait(20_000)
      }
      yield* undo
      yield* stage.wait(3_600_000)
      for (const server of servers) yield* say(played, server, roomId, "all over")
      yield* stage.quiet
      const held = servers.map((server) => {
        const { dag } = played.servers.get(server)!.rooms.find(roomId)!
        return [...dag.forwardExtremities(), ...dag.eventIdsIn(dag.currentState())].sort().join(" ")
      })
      const strikes = kernel.trace.records.filter(
        ({ kind, fields }) => kind === "fault" && fields[1] === name,
      )
      return { name, fault, traceHash: kernel.trace.hash(), strikes: strikes.length, held }
    }),
  )
