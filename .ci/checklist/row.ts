/** What a row of the protocol's checklist says: where a piece of the protocol is, and the test that holds it. */

/** A change to the source that takes a behaviour out. */
export interface Removal {
  /** From the repository's root. */
  readonly file: string
  /** Stands in the file once. */
  readonly from: string
  readonly to: string
}

export interface Row {
  /** Its number on the checklist; what the checklist does not have is numbered as in the list of endpoints, or named. */
  readonly id: string
  readonly title: string
  /** Where the specification speaks of it; of the server-server API unless it says otherwise. */
  readonly section: string
  /** Method and path of an endpoint. */
  readonly route?: string
  /** The file in which it is done. */
  readonly handler: string
  /** `file > describe > test`, as vitest names it; or all tests of a file or of a `describe`. */
  readonly test: string
  /** How it is taken out; an endpoint without it answers 404 as if it were unknown. */
  readonly removal?: Removal
}

/** One part of the list. */
export interface Part {
  readonly title: string
  readonly rows: readonly Row[]
}

/** Where the specification and real servers part: the tests of the text's side, and the switches for the other. */
export interface Divergence {
  readonly number: number
  readonly about: string
  /** Named as in a row. */
  readonly tests: readonly string[]
  /** Names of readings, as on the command line. */
  readonly readings: readonly string[]
  /** What else there is to say, where no reading stands for the other side. */
  readonly note?: string
}

/** The test of an endpoint's success, among those of every endpoint. */
export const answers = (route: string): string => `sim/world/endpoints/endpoints.test.ts > ${route} > answers`

/** The test that the endpoint is closed to a server that the room's ACL denies. */
export const aclDenies = (route: string): string =>
  `sim/world/endpoints/endpoints.test.ts > ${route} > 403 M_FORBIDDEN: an origin that the room's ACL denies`

/** A row of an endpoint that answers 404 when it is taken out, and is held by the test of its success. */
export const endpoint = (id: string, route: string, section: string, handler: string): Row => ({
  id,
  title: route,
  section,
  route,
  handler,
  test: answers(route),
})

/** The source change that takes the row's behaviour out. */
export const removalOf = ({ id, route, removal }: Row): Removal => {
  if (removal !== undefined) return removal
  if (route === undefined) throw new Error(`row ${id} does not say how it is taken out`)
  const [method = "", path = ""] = route.split(" ")
  const target = path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")
  const isAsked = `request.method === ${JSON.stringify(method)} && /^${target.replaceAll("/", "\\/")}(\\?|$)/.test(request.target)`
  return {
    file: "spec-impl/federation/server.ts",
    from: "Effect.suspend(() => answer(request)).pipe(",
    to: `(${isAsked}
      ? Effect.succeed({ status: 404, headers: {}, body: new TextEncoder().encode('{"errcode":"M_UNRECOGNIZED"}') })
      : Effect.suspend(() => answer(request))).pipe(`,
  }
}
