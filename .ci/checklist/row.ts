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
  /** Its number on the checklist; what the checklist does not have is numbered as in the list of endpoints. */
  readonly id: string
  readonly title: string
  /** Where the specification speaks of it; of the server-server API unless it says otherwise. */
  readonly section: string
  /** Method and path of an endpoint. */
  readonly route?: string
  /** The file in which it is done. */
  readonly handler: string
  /** `file > describe > test`, as vitest names it. */
  readonly test: string
  /** How it is taken out; an endpoint without it answers 404 as if it were unknown. */
  readonly removal?: Removal
}

/** One part of the list. */
export interface Part {
  readonly title: string
  readonly rows: readonly Row[]
}

/** The source change that takes the row's behaviour out. */
export const removalOf = ({ id, route, removal }: Row): Removal => {
  if (removal !== undefined) return removal
  if (route === undefined) throw new Error(`row ${id} does not say how it is taken out`)
  const [method = "", path = ""] = route.split(" ")
  const target = path.replaceAll(/[.]/g, "\\.").replaceAll(/\{\w+\}/g, "[^/]+")
  const isAsked = `request.method === ${JSON.stringify(method)} && /^${target.replaceAll("/", "\\/")}(\\?|$)/.test(request.target)`
  return {
    file: "spec-impl/federation/wire.ts",
    from: "Effect.suspend(() => answer(whole, request))",
    to: `${isAsked}
      ? Effect.succeed({ status: 404, headers: {}, body: new TextEncoder().encode('{"errcode":"M_UNRECOGNIZED"}') })
      : Effect.suspend(() => answer(whole, request))`,
  }
}
