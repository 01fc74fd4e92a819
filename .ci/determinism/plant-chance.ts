/**
 * Plants chance in the handler of `PUT /send` as its source is loaded, for a process of the proof of determinism:
 * `node --import ./.ci/determinism/plant-chance.ts …`, with `NETSPLIT_PLANTED` saying what is called.
 */
import { registerHooks } from "node:module"

const file = "/spec-impl/federation/transactions/receive.ts"
const handler = "Effect.contextWith((services"

/** What a careless hand would write, and what goes past the guard: a function taken before the guard is armed. */
const calls: Readonly<Record<string, string>> = {
  "Math.random": "Math.random()",
  "behind the guard": "takenBefore()",
}

const call = calls[process.env.NETSPLIT_PLANTED ?? ""]
if (call === undefined) throw new Error(`NETSPLIT_PLANTED is one of ${Object.keys(calls).join(", ")}`)

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(file)) return loaded
    const source = String(loaded.source)
    if (!source.includes(handler)) throw new Error(`${file} has no ${handler}`)
    const planted = source.replace(
      handler,
      `Effect.flatMap(Effect.andThen(Effect.sleep(${call} < 0.5 ? 1 : 2), Effect.context()), (services`,
    )
    return { ...loaded, source: `${planted}\nconst takenBefore = Math.random\n` }
  },
})
