/**
 * Whatever servers send each other, in whatever order and however often, every server's rooms stay sound. Users act
 * at random, also against each other's bans; the links between their servers are cut and healed; then all that was
 * ever sent is sent again, in another order, under the same transaction ids and under new ones.
 */
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"
import { findInconsistencies } from "../checks/room-consistency.ts"
import { type Played, play } from "./testing/play.ts"

const users = ["@alice:s1", "@bob:s2", "@carol:s3"] as const

/** One thing that happens: who does what to whom; a cut takes one server away. */
interface Deed {
  readonly kind:
    | "say"
    | "topic"
    | "ban"
    | "unban"
    | "kick"
    | "leave"
    | "join"
    | "levels"
    | "rule"
    | "redact"
    | "cut"
    | "heal"
    | "wait"
  readonly user: number
  readonly target: number
}

const deeds = fc.array(
  fc.record({
    kind: fc.constantFrom<Deed["kind"][]>(
      "say",
      "say",
      "topic",
      "ban",
      "unban",
      "kick",
      "leave",
      "join",
      "join",
      "levels",
      "rule",
      "redact",
      "cut",
      "heal",
      "wait",
    ),
    user: fc.nat(2),
    target: fc.nat(2),
  }),
  { minLength: 8, maxLength: 24 },
)

const perform = (
  { stage, servers }: Played,
  roomId: string,
  { kind, user, target }: Deed,
  at: number,
): Effect.Effect<unknown, unknown> => {
  const actor = stage.user(users[user]!)
  const other = users[target]!
  switch (kind) {
    case "say":
      return actor.say(roomId, `deed ${at}`)
    case "topic":
      return actor.setState(roomId, "m.room.topic", { topic: `deed ${at}` })
    case "ban":
      return actor.ban(roomId, other)
    case "unban":
    case "kick":
      return actor.kick(roomId, other)
    case "leave":
      return actor.leave(roomId)
    case "join":
      return actor.join(roomId, `s${target + 1}`)
    case "levels":
      return actor.setState(roomId, "m.room.power_levels", {
        users: { [users[1]]: 100, [other]: 100 },
        ban: at,
      })
    case "rule":
      return actor.setState(roomId, "m.room.join_rules", { join_rule: at % 2 === 0 ? "public" : "invite" })
    case "redact": {
      const events = [
        ...(servers
          .get(`s${user + 1}`)!
          .rooms.find(roomId)
          ?.dag.records() ?? []),
      ]
      return actor.redact(roomId, events[(at * 7) % Math.max(events.length, 1)]?.event.eventId ?? "$none")
    }
    case "cut":
      return stage.partition(
        [`s${user + 1}`],
        ["s1", "s2", "s3"].filter((name) => name !== `s${user + 1}`),
      )
    case "heal":
      return stage.heal
    case "wait":
      return stage.wait(3_000)
  }
}

/** Sends all of it again, last first, and once more as other transactions. */
const sendAgain = Effect.fnUntraced(function* ({ servers, network }: Played, sent: readonly WireRequest[]) {
  for (const request of sent.toReversed()) {
    yield* Effect.ignore(network.send(request))
    const body = readJson(request.body)
    if (!isJsonObject(body) || !Array.isArray(body.pdus)) continue
    const transactionId = `again-${request.target.slice(-8)}`
    const payload = { origin: request.source, origin_server_ts: 1, pdus: body.pdus.toReversed() }
    yield* servers
      .get(request.source)!
      .client.call(request.destination, (api) =>
        api.transactions.send({ params: { transactionId }, payload }),
      )
      .pipe(Effect.ignore)
  }
})

describe("any requests, in any order, any number of times", () => {
  for (const roomVersion of ["1", "6", "11", "12"]) {
    it(`room ${roomVersion}: leave every server's room sound`, async () => {
      await fc.assert(
        fc.asyncProperty(deeds, fc.nat(1_000), async (plan, seed) => {
          await play({ servers: 3, roomVersion, seed }, (played) =>
            Effect.gen(function* () {
              const { stage, servers } = played
              const sent: WireRequest[] = []
              const powerLevels = {
                users: { ...(roomVersion === "12" ? {} : { [users[0]]: 100 }), [users[1]]: 100 },
              }
              const roomId = yield* stage.user(users[0]).createRoom({ powerLevels })
              yield* stage.user(users[1]).join(roomId, "s1")
              yield* stage.user(users[2]).join(roomId, "s1")
              yield* stage.quiet
              yield* stage.rule(
                "listen",
                { path: /\/send\// },
                {
                  kind: "alter-request",
                  alter: (request) => {
                    sent.push(request)
                    return request
                  },
                },
              )
              for (const [at, deed] of plan.entries()) yield* Effect.ignore(perform(played, roomId, deed, at))
              yield* stage.heal
              yield* stage.quiet
              yield* sendAgain(played, sent)
              yield* stage.quiet
              for (const { name, rooms } of servers.values()) {
                const dag = rooms.find(roomId)?.dag
                expect([name, dag === undefined ? [] : findInconsistencies(dag)]).toEqual([name, []])
              }
            }),
          )
        }),
        { numRuns: 12, seed: 17 },
      )
    })
  }
})
