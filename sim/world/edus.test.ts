/** How EDUs travel: beside PDUs, in order, and what of them waits for a server that is away. */
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { Edus } from "#spec-impl/homeserver/edus.ts"
import { type Played, play } from "./testing/play.ts"

/** What s2 takes of kind `x.test`. */
const listen = ({ servers }: Played) => {
  const heard: unknown[] = []
  Context.get(servers.get("s2")!.services, Edus).handle("x.test", (origin, content) =>
    Effect.sync(() => void heard.push([origin, content.n])),
  )
  return heard
}
const edu = (id: string, n: number, eduType = "x.test") => ({
  id,
  edu: { edu_type: eduType, content: { n } },
})

describe("EDUs", () => {
  it("arrive in order, more than one transaction can hold; unknown kinds are ignored", async () => {
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const heard = listen(played)
        const many = Array.from({ length: 130 }, (_, n) => edu(`e${n}`, n))
        yield* played.servers
          .get("s1")!
          .destinations.sendEdus([...many, edu("other", 0, "x.unknown")], ["s1", "s2"])
        yield* played.stage.quiet
        expect(heard).toEqual(many.map((_, n) => ["s1", n]))
      }),
    )
  })

  it("wait for a server that is away, the last of each id; what is of the moment does not", async () => {
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const heard = listen(played)
        const { destinations } = played.servers.get("s1")!
        yield* played.stage.partition(["s1"], ["s2"])
        yield* destinations.sendEdus([edu("first", 0)], ["s2"])
        // While that is on its way, and nobody knows yet that the server is away.
        yield* played.stage.wait(50)
        yield* destinations.sendEdus([edu("typing", 5)], ["s2"], { isOfTheMoment: true })
        yield* played.stage.wait(2_000)
        yield* destinations.sendEdus([edu("a", 1)], ["s2"])
        yield* destinations.sendEdus([edu("b", 2)], ["s2"])
        yield* destinations.sendEdus([edu("a", 3)], ["s2"])
        yield* destinations.sendEdus([edu("typing", 4)], ["s2"], { isOfTheMoment: true })
        yield* played.stage.heal
        yield* played.stage.wait(60_000)
        expect(heard).toEqual([
          ["s1", 0],
          ["s1", 2],
          ["s1", 3],
        ])
      }),
    )
  })
})
