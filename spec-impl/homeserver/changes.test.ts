/** What has changed is told once each, and remembered within bounds. */

import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Changes } from "./changes.ts"

it.effect("each thing that changed is named once, in the order of its last change", () =>
  Effect.gen(function* () {
    const changes = yield* Changes
    changes.note("typing", "!a")
    changes.note("devices", "@x:s1")
    const number = changes.last()
    changes.note("typing", "!b")
    changes.note("typing", "!a")
    expect(changes.since("typing", 0)).toEqual([["!b"], ["!a"]])
    expect(changes.since("typing", number)).toEqual([["!b"], ["!a"]])
    expect(changes.since("devices", number)).toEqual([])
    expect(changes.since("devices", 0)).toEqual([["@x:s1"]])
    expect(changes.since("typing", changes.last())).toEqual([])
  }).pipe(Effect.provide(Changes.layer)),
)

it.effect("of more than is remembered the oldest go, and it is known that they are gone", () =>
  Effect.gen(function* () {
    const changes = yield* Changes
    for (let count = 0; count < 100_010; count++) changes.note("presence", `@${count}:s2`)
    expect([changes.since("presence", 0).length, changes.forgotten()]).toEqual([100_000, 0])
    const before = changes.last()
    for (let count = 0; count < 100_010; count++) changes.note("devices", `@${count}:s2`)
    expect([changes.since("devices", 0).length, changes.forgotten()]).toEqual([100_000, before + 10])
  }).pipe(Effect.provide(Changes.layer)),
)

it.effect("who watches hears of each change until it stops", () =>
  Effect.gen(function* () {
    const changes = yield* Changes
    let heard = 0
    const stop = changes.watch(() => {
      heard += 1
    })
    changes.note("typing", "!a")
    stop()
    changes.note("typing", "!a")
    expect(heard).toBe(1)
  }).pipe(Effect.provide(Changes.layer)),
)
