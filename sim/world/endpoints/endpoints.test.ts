/**
 * Every endpoint of the specification, over the simulated network: its success, each error of its row, wrong
 * signatures, a denied origin, and what all endpoints have in common (server-server API §API standards, §Unsupported
 * endpoints, §Request Authentication, §Server ACLs). `cases.ts` says how a chapter adds its own.
 */
import { Effect } from "effect"
import { HttpApi } from "effect/http-api"
import { describe, expect, it } from "vitest"
import { FederationApi } from "#spec-impl/federation/api.ts"
import { Authentication } from "#spec-impl/federation/authentication.ts"
import { type Played, type PlayOptions, play } from "../testing/play.ts"
import { sendRaw, wrongSignatures } from "../testing/raw-request.ts"
import { allCases } from "./all-cases.ts"
import type { Ask, EndpointCases } from "./cases.ts"
import { type SpecifiedEndpoint, specifiedEndpoints } from "./specified.ts"

const onStage = <A>(options: PlayOptions, story: (played: Played) => Effect.Effect<A, unknown>) =>
  play({ servers: 3, ...options }, story)

const request = (ask: Ask) => ({ from: "s2", to: "s1", ...ask })
/** "200" or "404 M_NOT_FOUND". */
const outcome = (played: Played, ask: Ask) =>
  Effect.map(sendRaw(played, request(ask)), ({ status, errcode }) =>
    errcode === undefined ? String(status) : `${status} ${String(errcode)}`,
  )

/** Method and path, with every parameter alike: names of parameters are nobody's business but their own. */
const shapeOf = (route: string): string => route.replaceAll(/\{\w+\}|:\w+/g, "{}")

const signedRoutes = new Map<string, boolean>()
HttpApi.reflect(FederationApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, middleware }) =>
    void signedRoutes.set(
      shapeOf(`${endpoint.method} ${endpoint.path}`),
      middleware.has(Authentication as never),
    ),
})
const endpoints: readonly SpecifiedEndpoint[] = specifiedEndpoints

describe("the API", () => {
  it("has every endpoint of the specification, and no other; the same of them want signatures", () => {
    expect([...signedRoutes].sort()).toEqual(
      endpoints.map(({ route, signed }) => [shapeOf(route), signed] as const).sort(),
    )
  })

  it("has cases of each endpoint, once, and of each error", () => {
    expect(allCases.map(({ route }) => route).sort()).toEqual(endpoints.map(({ route }) => route).sort())
    const errors = new Map<string, readonly string[]>(allCases.map((one) => [one.route, one.errors]))
    const without = endpoints.flatMap(({ route, errors: wanted }) =>
      wanted.filter((error) => !errors.get(route)?.includes(error)).map((error) => `${route}: ${error}`),
    )
    expect(without).toEqual([])
  })

  it("knows of each room's endpoint which room it is, where an ACL protects it", () =>
    Promise.all(
      allCases
        .filter(({ route }) => endpoints.find((endpoint) => endpoint.route === route)?.acl !== undefined)
        .map(({ route, options, success }) =>
          onStage(options, (played) =>
            Effect.map(success(played), ({ roomId }) => expect([route, roomId]).not.toContain(undefined)),
          ),
        ),
    ))
})

const hasBody = ({ route }: { readonly route: string }): boolean => /^(?:PUT|POST) /.test(route)

const describeEndpoint = (specified: SpecifiedEndpoint, cases: EndpointCases): void => {
  const success = <A>(
    story: (played: Played, ask: Ask, roomId: string | undefined) => Effect.Effect<A, unknown>,
  ) =>
    onStage(cases.options, (played) =>
      Effect.flatMap(cases.success(played), ({ ask, roomId }) => story(played, ask, roomId)),
    )

  it("answers", () =>
    onStage(cases.options, (played) =>
      Effect.gen(function* () {
        const { ask, answers } = yield* cases.success(played)
        const { status, json, contentType } = yield* sendRaw(
          played,
          request(specified.signed ? ask : { ...ask, unsigned: true }),
        )
        expect([status, contentType]).toEqual([200, expect.stringMatching(`^${cases.contentType}`)])
        expect(json).toMatchObject(answers as object)
      }),
    ))

  for (const error of cases.errors) {
    const { options, asks } = cases.refusal(error)
    it(error, () =>
      onStage(options, (played) =>
        Effect.gen(function* () {
          for (const ask of yield* asks(played)) {
            expect([ask.target, yield* outcome(played, ask)]).toEqual([ask.target, error])
          }
        }),
      ),
    )
  }

  if (specified.signed) {
    for (const [what, wrong] of Object.entries(wrongSignatures)) {
      it(`401 M_UNAUTHORIZED: ${what}`, () =>
        success((played, ask) =>
          Effect.gen(function* () {
            expect(yield* outcome(played, { ...ask, ...wrong })).toBe("401 M_UNAUTHORIZED")
          }),
        ))
    }
  }

  if (specified.acl !== undefined) {
    it("403 M_FORBIDDEN: an origin that the room's ACL denies", () =>
      success((played, ask, roomId) =>
        Effect.gen(function* () {
          const alice = played.stage.user("@alice:s1")
          yield* alice.setState(roomId!, "m.room.server_acl", { allow: ["*"], deny: ["s2"] })
          if (specified.acl === "request") {
            const { status, body } = yield* sendRaw(played, request(ask))
            expect([status, body.errcode, body.error]).toEqual([
              403,
              "M_FORBIDDEN",
              `s2 is denied by the server ACL of room ${roomId}`,
            ])
          } else {
            const { status, body } = yield* sendRaw(played, request(ask))
            expect(status).toBe(200)
            expect(JSON.stringify(body.pdus)).toContain("denied by the server ACL")
          }
        }),
      ))
  }

  if (hasBody(specified)) {
    it("400 M_NOT_JSON, 400 M_BAD_JSON: a body that is not JSON, or no object", () =>
      success((played, ask) =>
        Effect.gen(function* () {
          for (const [text, error] of [
            ["", "400 M_NOT_JSON"],
            ['{"pdus":', "400 M_NOT_JSON"],
            ["[]", "400 M_BAD_JSON"],
            ["7", "400 M_BAD_JSON"],
          ] as const) {
            const bytes = new TextEncoder().encode(text)
            expect([text, yield* outcome(played, { ...ask, bytes })]).toEqual([text, error])
          }
        }),
      ))

    it("takes any content type, and none", async () => {
      for (const contentType of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        undefined,
      ]) {
        await success((played, ask) =>
          Effect.gen(function* () {
            expect([contentType, yield* outcome(played, { ...ask, contentType })]).toEqual([
              contentType,
              "200",
            ])
          }),
        )
      }
    })
  }

  it("405 M_UNRECOGNIZED: any other method", () =>
    success((played, ask) =>
      Effect.gen(function* () {
        const [path = ""] = specified.route.split(" ").slice(1)
        for (const method of ["GET", "PUT", "POST", "DELETE", "PATCH"]) {
          if (signedRoutes.has(shapeOf(`${method} ${path}`))) continue
          const answer = yield* sendRaw(played, request({ method, target: ask.target, unsigned: true }))
          expect([method, answer.status, answer.errcode, answer.contentType]).toEqual([
            method,
            405,
            "M_UNRECOGNIZED",
            "application/json",
          ])
        }
      }),
    ))
}

for (const specified of endpoints) {
  const cases = allCases.find(({ route }) => route === specified.route)
  if (cases === undefined) continue
  describe(specified.route, () => describeEndpoint(specified, cases))
}
