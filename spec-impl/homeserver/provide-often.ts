import { Context, Effect, Exit } from "effect"

/**
 * As `Effect.provideContext`, for what is provided to many effects: it is merged with the services of a caller, which
 * copies all of both, once for each caller.
 */
export const provideOften = <Services>(services: Context.Context<Services>) => {
  const merged = new WeakMap<Context.Context<never>, Context.Context<never>>()
  const mergedWith = (callers: Context.Context<never>): Context.Context<never> => {
    const known = merged.get(callers)
    if (known !== undefined) return known
    const both = Context.merge(callers, services) as Context.Context<never>
    merged.set(callers, both)
    return both
  }
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Services>> =>
    Exit.isExit(effect)
      ? (effect as Effect.Effect<A, E>)
      : Effect.updateContext(
          effect,
          mergedWith as unknown as (callers: Context.Context<Exclude<R, Services>>) => Context.Context<R>,
        )
}
