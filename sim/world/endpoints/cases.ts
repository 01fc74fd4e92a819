/**
 * How the cases of an endpoint are written down. A chapter's cases stand in `cases-<chapter>.ts`, which exports what
 * `casesOf(scene, { "<method and path of specified.ts>": { … } })` gives, and is listed in `all-cases.ts`.
 * Servers are s1, s2 and s3; requests go from s2 to s1 unless they say otherwise. `endpoints.test.ts` adds what is the same for all: signatures, ACLs, methods, bodies.
 */
import { Effect } from "effect"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { Played, PlayOptions } from "../testing/play.ts"
import type { RawRequest } from "../testing/raw-request.ts"
import type { Route } from "./specified.ts"

/** A request of s2 to s1, but for what it says otherwise. */
export type Ask = Pick<RawRequest, "method" | "target"> & Partial<RawRequest>

type Told<Scene, A> = (scene: Scene, played: Played) => A | Effect.Effect<A, unknown>

/** One request, or several, that lead to one error; under other options where the scene's own do not allow for it. */
export type Refusal<Scene> =
  | Told<Scene, Ask | readonly Ask[]>
  | { readonly options: PlayOptions; readonly asks: Told<Scene, Ask | readonly Ask[]> }

export interface Cases<Scene> {
  /** A request that succeeds. */
  readonly succeeds: Told<Scene, Ask>
  /** What its answer holds. */
  readonly answers: (scene: Scene) => unknown
  /** What its Content-Type begins with, where that is not `application/json`: media are. */
  readonly contentType?: string
  /** By `status code`: each error of the endpoint's row at least. */
  readonly refuses: Readonly<Record<string, Refusal<Scene>>>
  /** The room that the request is about, where an ACL protects it. Alice of s1 may write its ACL. */
  readonly roomOf?: (scene: Scene) => string
}

/** The cases of one endpoint, with the scene that they share built in. */
export interface EndpointCases {
  readonly route: Route
  readonly errors: readonly string[]
  readonly contentType: string
  /** What the scene wants of its world. */
  readonly options: PlayOptions
  /** Sets the scene, and tells the request that succeeds in it. */
  readonly success: (played: Played) => Effect.Effect<
    {
      readonly ask: Ask
      readonly answers: unknown
      readonly roomId: string | undefined
    },
    unknown
  >
  readonly refusal: (error: string) => {
    readonly options: PlayOptions
    readonly asks: (played: Played) => Effect.Effect<readonly Ask[], unknown>
  }
}

const told = <A>(value: A | Effect.Effect<A, unknown>): Effect.Effect<A, unknown> =>
  Effect.isEffect(value) ? (value as Effect.Effect<A, unknown>) : Effect.succeed(value)

/** The cases of endpoints that share a scene, which may want something of its world. */
export const casesOf = <Scene>(
  scene: (played: Played) => Effect.Effect<Scene, unknown>,
  endpoints: { readonly [R in Route]?: Cases<Scene> },
  sceneOptions: PlayOptions = {},
): readonly EndpointCases[] =>
  (Object.entries(endpoints) as [Route, Cases<Scene>][]).map(([route, cases]) => ({
    route,
    options: sceneOptions,
    errors: Object.keys(cases.refuses),
    contentType: cases.contentType ?? "application/json",
    success: Effect.fnUntraced(function* (played) {
      const set = yield* scene(played)
      const ask = yield* told(cases.succeeds(set, played))
      return { ask, answers: cases.answers(set), roomId: cases.roomOf?.(set) }
    }),
    refusal: (error) => {
      const refusal = cases.refuses[error]
      if (refusal === undefined) throw new Error(`${route} has no case of ${error}`)
      const { options, asks } = typeof refusal === "function" ? { options: {}, asks: refusal } : refusal
      return {
        options: { ...sceneOptions, ...options },
        asks: Effect.fnUntraced(function* (played) {
          const given = yield* told(asks(yield* scene(played), played))
          return Array.isArray(given) ? given : [given as Ask]
        }),
      }
    },
  }))

/** An identifier as it stands in a path or a query. */
export const path = encodeURIComponent

const v1 = "/_matrix/federation/v1"

/** `GET`; `rest` is what comes after `/_matrix/federation/v1/`, unless it is a whole path. */
export const get = (rest: string): Ask => ({
  method: "GET",
  target: rest.startsWith("/") ? rest : `${v1}/${rest}`,
})

export const put = (rest: string, body: JsonObject): Ask => ({ ...get(rest), method: "PUT", body })

export const post = (rest: string, body: JsonObject): Ask => ({ ...get(rest), method: "POST", body })
