/** The handlers of a server, as its chapters make them. */
import { Context, Effect, Layer } from "effect"
import type { HttpRouter } from "effect/http"
import type { HttpApiEndpoint } from "effect/http-api"
import type { FederationChapters } from "./api.ts"
import { Asker, Authentication, Origin } from "./authentication.ts"
import { type Chapter, chapterKey, type Handler } from "./chapter.ts"
import { MatrixEndpoint } from "./matrix-endpoint.ts"

/** What the parts of a request say. */
export interface Given {
  readonly params?: unknown
  readonly query?: unknown
  readonly payload?: unknown
}

/** Who asks; `origin` is undefined where nobody proved it. */
export interface From {
  readonly asker: string
  readonly origin: string | undefined
}

/** Who answers one endpoint, and among which services. */
interface Answering {
  readonly handler: Handler
  readonly among: Chapter["among"]
}

type ServicesOf<R> = HttpRouter.Request.Only<"Requires" | "GlobalRequires", R>

/** Endpoints say by these what whoever serves them does; there is nothing left to do once a handler is called. */
const layerMarks = Layer.mergeAll(
  Layer.succeed(MatrixEndpoint, (handler) => handler as never),
  Layer.succeed(Authentication, (handler) => handler as never),
)

/**
 * Builds the handlers of `chapters` (a merge of one `chapter` for each), which live as long as the scope. They run among
 * the services that are there as they are built, whoever calls: by the same scheduler and clock.
 */
export const buildHandlers = Effect.fnUntraced(function* <E, R>(
  chapters: Layer.Layer<FederationChapters, E, R>,
) {
  const surroundings: Context.Context<never> = yield* Effect.context<ServicesOf<R>>()
  const built = yield* Layer.build(
    Layer.provide(chapters, layerMarks) as unknown as Layer.Layer<FederationChapters, E>,
  )

  /** Of the endpoints that were asked for. */
  const known = new Map<HttpApiEndpoint.Top, Answering>()
  const answeringOf = (group: string, endpoint: HttpApiEndpoint.Top): Answering | undefined => {
    const { handlers, among } = built.mapUnsafe.get(chapterKey(group)) as Chapter
    const handler = handlers.get(endpoint.identifier)
    if (handler === undefined) return undefined
    const answering = { handler, among }
    known.set(endpoint, answering)
    return answering
  }

  /** Runs `effect` among the services of the server. */
  const within = <A, Error>(effect: Effect.Effect<A, Error>): Effect.Effect<A, Error> =>
    Effect.updateContext(effect, (_: Context.Context<never>) => surroundings)

  /** The answer of an endpoint's handler, from within. */
  const handle = (
    group: string,
    endpoint: HttpApiEndpoint.Top,
    given: Given,
    { asker, origin }: From,
  ): Effect.Effect<unknown, unknown> => {
    const answering = known.get(endpoint) ?? answeringOf(group, endpoint)
    if (answering === undefined) return Effect.die(`nobody answers ${endpoint.identifier}`)
    const { handler, among } = answering
    // In their place, not merged with what is there: that would copy them all for each request.
    const context = (
      origin === undefined ? Context.add(among, Asker, asker) : Context.add(among, Origin, origin)
    ) as Context.Context<Origin | Asker>
    return Effect.updateContext(handler(given), (_: Context.Context<never>) => context)
  }
  return { within, handle }
})
