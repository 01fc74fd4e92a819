/** A hostile server breaks each rule, and no honest one takes part in it. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { citationRulesOf } from "#spec-impl/core/auth-rules/citation-rules.ts"
import type { RuleList } from "#spec-impl/core/auth-rules/rule.ts"
import { rulesOf } from "#spec-impl/core/auth-rules/rules-of-version.ts"
import { roomVersion } from "#spec-impl/core/room-version.ts"
import { type Played, play } from "../../world/testing/play.ts"
import { type Door, richRoom } from "../testing/rich-room.ts"
import { inRoom, say, shows } from "../testing/with-fault.ts"
import { forbiddenActs } from "./acts.ts"
import { perform, type ReadyAct, ready, sceneOf } from "./send.ts"

const recordOn = ({ servers }: Played, server: string, roomId: string, { event }: ReadyAct) =>
  servers
    .get(server)!
    .rooms.find(roomId)!
    .dag.record(event?.eventId ?? "")

/** What honest servers make of an act that breaks no rule that one can be asked about. */
const otherwise: Readonly<Record<string, string>> = {
  "auth-event-that-was-rejected": "rejected: an auth event was rejected",
  "auth-events-of-another-room": "not held",
  "bad-hash": "accepted",
  "bad-signature": "not held",
  "in-the-name-of-another": "not held",
  "redaction-of-others-words": "accepted",
}

const doors: readonly (readonly [versionId: string, door: Door, hostile: string])[] = [
  ["2", "public", "s3"],
  ["5", "invite", "s1"],
  ["7", "knock", "s3"],
  ["10", "restricted", "s3"],
  ["11", "invite", "s3"],
  ["12", "invite", "s3"],
]

describe("a hostile server", () => {
  const done = new Set<string>()

  it.each(doors)(
    "breaks the rules of room %s (%s) from %s, and is seen through",
    async (versionId, door, hostile) => {
      await play({ roomVersion: versionId, servers: 3 }, (played) =>
        Effect.gen(function* () {
          const { room } = yield* richRoom(played, door)
          const world = { ...played, restart: () => Effect.void }
          for (const act of forbiddenActs) {
            const scene = sceneOf(world, hostile, room)!
            const prepared = yield* ready(world, scene, act)
            if (prepared === undefined) continue
            done.add(act.name)
            yield* perform(world, scene, prepared, { to: scene.audience, isBuiltOn: false })
            yield* played.stage.quiet
            for (const server of ["s1", "s2", "s3"].filter((name) => name !== hostile)) {
              const record = recordOn(played, server, room, prepared)
              const verdict =
                record === undefined
                  ? "not held"
                  : [record.verdict, record.objection?.reason].filter(Boolean).join(": ")
              const isBeginning = prepared.event?.type === "m.room.create" && versionId === "12"
              const expected = isBeginning
                ? "not held"
                : (otherwise[act.name] ??
                  `${act.name === "old-parent" ? "soft-failed" : "rejected"}: ${act.breaks}`)
              expect(verdict, act.name).toBe(expected)
              if (act.name === "bad-hash") expect(record!.event.content).toEqual({})
            }
          }
        }),
      )
    },
  )

  it("has done each of its acts by then", () => {
    expect(forbiddenActs.map(({ name }) => name).filter((name) => !done.has(name))).toEqual([])
  })

  it("can break every rule that rejects, but for those that no server in the room can reach", () => {
    const broken = new Set(forbiddenActs.map(({ breaks }) => breaks))
    const unbroken = new Set<string>()
    const visit = (rules: RuleList): void => {
      for (const rule of rules) {
        if ("rules" in rule) visit(rule.rules)
        else if (rule.decision !== "allow") {
          const says = rule.decision === "iff" ? (rule.saysOtherwise ?? "") : rule.says
          if (!broken.has(says)) unbroken.add(says)
        }
      }
    }
    for (const id of ["1", "5", "7", "8", "10", "11", "12"]) {
      visit(rulesOf(roomVersion(id)!))
      for (const { says } of citationRulesOf(roomVersion(id)!)) if (!broken.has(says)) unbroken.add(says)
    }
    expect([...unbroken].sort()).toEqual([
      // A create event of room 12 that breaks it begins another room.
      "additional_creators is not a list of user ids",
      // Broken by `auth-events-of-another-room`: others do not get such events, and so drop what cites them.
      "an auth event is of another room",
      // Broken by `auth-event-that-was-rejected`: the server itself does not hold what it cites.
      "an auth event was rejected",
      // Nobody of another server is in such a room.
      "the room does not federate, and sender is of another server",
      // The id of another room: it is not sent to this one.
      "the room_id is not that of an accepted create event",
    ])
  })

  it("acts by hand or by plan, and honest servers agree when it is over", async () => {
    for (const transport of ["http", "direct"] as const) {
      await inRoom({ servers: 3, transport }, (played, roomId) =>
        Effect.gen(function* () {
          const { stage, kernel } = played
          const undo = yield* stage.fault({
            fault: "hostile-event",
            server: "s3",
            acts: ["state-without-power", "message-of-a-stranger"],
            times: 3,
            everyMs: 5_000,
            buildsOn: true,
          })
          yield* stage.wait(60_000)
          yield* undo
          expect(kernel.trace.records.filter(({ kind }) => kind === "hostile")).toHaveLength(3)
          expect(stage.stateOf("s1", roomId, "m.room.name")).toBeUndefined()
          for (const server of ["s1", "s2", "s3"]) {
            const said = yield* say(played, server, roomId, "and on")
            yield* stage.quiet
            for (const other of ["s1", "s2", "s3"]) expect(shows(played, other, roomId, said)).toBe(true)
          }
          const tips = ["s1", "s2", "s3"].map((server) =>
            played.servers.get(server)!.rooms.find(roomId)!.dag.forwardExtremities(),
          )
          expect(tips[0]).toEqual(tips[1])
          expect(tips[0]).toEqual(tips[2])
        }),
      )
    }
  })
})
