/**
 * Whatever order the updates of a device list come in, however often, and whatever is lost or late, the list ends as
 * its user's server has it. Deeds are done at random; requests are lost, late, and sent again; links are cut.
 */
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { propertyRuns } from "#spec-impl/core/testing/property-runs.ts"
import { reply } from "../network/rules.ts"
import { crossSigningClient, deviceClient } from "./client-keys.ts"
import { heldBy, outdatedOn, pushEdus } from "./testing/devices.ts"
import { type Played, play } from "./testing/play.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"

interface Deed {
  readonly kind:
    | "add"
    | "keys"
    | "rename"
    | "remove"
    | "sign"
    | "rotate"
    | "lose"
    | "replay"
    | "slow"
    | "cut"
    | "heal"
    | "leave"
    | "join"
    | "wait"
  readonly which: number
}

const kinds: readonly Deed["kind"][] = ["add", "keys", "rename", "remove", "sign", "rotate", "lose", "replay"]
const others: readonly Deed["kind"][] = [
  "slow",
  "cut",
  "heal",
  "leave",
  "join",
  "wait",
  "wait",
  "replay",
  "lose",
]
const deeds = fc.array(fc.record({ kind: fc.constantFrom(...kinds, ...others), which: fc.nat(5) }), {
  minLength: 10,
  maxLength: 30,
})

const deviceEdus = ["m.device_list_update", "m.signing_key_update"]

/** Plays `plan`, and lets the dust settle. */
const playDeeds = Effect.fnUntraced(function* (played: Played, plan: readonly Deed[]) {
  const { stage, network } = played
  const actor = stage.user(alice)
  const roomId = yield* actor.createRoom()
  yield* stage.user(bob).join(roomId, "s1")
  yield* stage.quiet
  const sent: (readonly [string, JsonObject])[] = []
  yield* network.rule(
    { source: "s1", path: /\/send\//, body: (body) => record(body, sent) },
    { kind: "pass" },
  )
  let generation = 0
  const perform = ({ kind, which }: Deed): Effect.Effect<unknown, unknown> => {
    const deviceId = `D${which % 3}`
    switch (kind) {
      case "add":
        return actor.addDevice(deviceId)
      case "keys":
        return actor.uploadDeviceKeys(deviceId, deviceClient(alice, deviceId, String(which)).deviceKeys)
      case "rename":
        return actor.renameDevice(deviceId, `name ${which} ${sent.length}`)
      case "remove":
        return actor.deleteDevice(deviceId)
      case "sign":
        return actor.uploadSignatures({
          [alice]: {
            [deviceId]: crossSigningClient(alice, String(generation)).signDevice(
              deviceClient(alice, deviceId, String(which)).deviceKeys,
            ),
          },
        })
      case "rotate":
        generation += 1
        return actor.uploadCrossSigningKeys(crossSigningClient(alice, String(generation)).keys)
      case "lose":
        return Effect.scoped(
          Effect.gen(function* () {
            // New cross-signing keys are no part of the sequence: who loses what it has acknowledged loses them.
            const body = (json: JsonValue | undefined) =>
              !JSON.stringify(json).includes("m.signing_key_update")
            const lose = { source: "s1", destination: "s2", path: /\/send\//, body }
            yield* network.rule(lose, reply(200, { pdus: {} }), { times: 1 })
            yield* Effect.ignore(actor.renameDevice(deviceId, `lost ${which} ${sent.length}`))
            yield* stage.wait(300)
          }),
        )
      case "replay": {
        const again = [sent[(which * 7) % sent.length], sent.at(-1 - which), sent.at(-1)]
        return pushEdus(played, "s1", "s2", ...again.flatMap((edu) => (edu === undefined ? [] : [edu])))
      }
      case "slow":
        return Effect.scoped(
          Effect.gen(function* () {
            const latency = { kind: "uniform", msMin: 10, msMax: 4_000 } as const
            yield* network.adjust({ source: ["s1", "s2"] }, { latency })
            yield* Effect.ignore(actor.renameDevice(deviceId, `slow ${which} ${sent.length}`))
            yield* stage.wait(which * 500)
          }),
        )
      case "cut":
        return stage.partition(["s1"], ["s2"])
      case "heal":
        return stage.heal
      case "leave":
        return stage.user(bob).leave(roomId)
      case "join":
        return stage.user(bob).join(roomId, "s1")
      case "wait":
        return stage.wait(which * 1_000)
    }
  }
  for (const deed of plan) yield* Effect.ignore(perform(deed))
  yield* stage.heal
  yield* Effect.ignore(stage.user(bob).join(roomId, "s1"))
  yield* stage.quiet
  // One more change, so that what was lost last is missed.
  yield* actor.addDevice("LAST")
  yield* stage.quiet
})

/** Keeps the device EDUs of a transaction. */
const record = (body: unknown, sent: (readonly [string, JsonObject])[]): boolean => {
  const edus = isJsonObject(body as JsonObject) ? (body as JsonObject).edus : undefined
  for (const edu of isJsonArray(edus) ? edus : []) {
    if (!isJsonObject(edu) || !isJsonObject(edu.content)) continue
    if (deviceEdus.includes(String(edu.edu_type))) sent.push([String(edu.edu_type), edu.content])
  }
  return true
}

describe("a device list", () => {
  it("ends as its user's server has it", async () => {
    await fc.assert(
      fc.asyncProperty(deeds, fc.nat(1_000), async (plan, seed) => {
        await play({ servers: 2, seed }, (played) =>
          Effect.gen(function* () {
            yield* playDeeds(played, plan)
            const [one, other] = ["s1", "s2"].map((name) => heldBy(played.servers.get(name)!, alice))
            expect(other).toEqual(one)
            expect(outdatedOn(played, "s2")).toEqual([])
          }).pipe(Effect.scoped),
        )
      }),
      propertyRuns(60, 17),
    )
  })
})
