/** How a chapter of the server-server API says who answers its endpoints. */
import { Context, Effect, Layer, type Scope } from "effect"
import type { HttpApiBuilder, HttpApiGroup } from "effect/http-api"
import { FederationApi, type FederationGroups } from "./api.ts"
import type { Asker, Origin } from "./authentication.ts"

/** Answers requests to one endpoint, given what their parts say. */
export type Handler = (given: object) => Effect.Effect<unknown, unknown, Origin | Asker>

/** The handlers of one chapter, by the endpoints that they answer, and the services among which they were made. */
export interface Chapter {
  readonly handlers: ReadonlyMap<string, Handler>
  readonly among: Context.Context<never>
}

/** Where the chapter of that group is kept. */
export const chapterKey = (group: string): string =>
  FederationApi.groups[group as keyof typeof FederationApi.groups].key

/**
 * The layer of one chapter: `build` adds a handler for each endpoint of the group, of effect's `HttpApiBuilder.Handlers` as
 * far as types go. `HttpApiBuilder.group` would make a route of each besides, for every server anew: a fifth of its boot,
 * where requests are found in the table of endpoints.
 */
export const chapter = <const Identifier extends HttpApiGroup.Identifier<FederationGroups>, Return>(
  identifier: Identifier,
  build: (
    handlers: HttpApiBuilder.Handlers.FromGroup<HttpApiGroup.WithIdentifier<FederationGroups, Identifier>>,
  ) => HttpApiBuilder.Handlers.ValidateReturn<Return>,
): Layer.Layer<
  HttpApiGroup.Service<"federation", Identifier>,
  HttpApiBuilder.Handlers.Error<Return>,
  Exclude<HttpApiBuilder.Handlers.Context<Return>, Scope.Scope>
> => {
  const make = Effect.gen(function* () {
    const among = yield* Effect.context<never>()
    const handlers = new Map<string, Handler>()
    const adding = {
      handle: (endpoint: string, handler: Handler) => {
        handlers.set(endpoint, handler)
        return adding
      },
    }
    const built: unknown = build(adding as never)
    if (Effect.isEffect(built)) yield* built as Effect.Effect<unknown>
    const made: Chapter = { handlers, among }
    return Context.makeUnsafe(new Map([[chapterKey(identifier), made]]))
  })
  return Layer.effectContext(make as Effect.Effect<never>)
}
