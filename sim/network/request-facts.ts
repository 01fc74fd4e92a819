/** What a request says of itself: what rules ask for, and what sets it apart from all others. */
import { encodeBase64Url } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { isJsonArray, isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { readJson } from "#spec-impl/federation/json-body.ts"
import type { WireRequest } from "#spec-impl/federation/wire.ts"

/** Finds event ids that only the rules of a room version can tell: those of the PDUs in a transaction. */
export type EventIdsOf = (request: WireRequest) => readonly string[]

/** `_matrix/federation/v1/send`: what comes behind it differs from request to request. */
const endpointSegments = 4

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Reads a request, each part once and only when it is asked for. */
export class RequestFacts {
  readonly request: WireRequest
  readonly #eventIdsOf: EventIdsOf
  readonly #rawPath: string
  readonly #rawQuery: string
  #segments: readonly string[] | undefined
  #eventIds: ReadonlySet<string> | undefined
  #roomIds: ReadonlySet<string> | undefined
  #json: { readonly value: JsonValue | undefined } | undefined

  constructor(request: WireRequest, eventIdsOf: EventIdsOf) {
    this.request = request
    this.#eventIdsOf = eventIdsOf
    const query = request.target.indexOf("?")
    this.#rawPath = query < 0 ? request.target : request.target.slice(0, query)
    this.#rawQuery = query < 0 ? "" : request.target.slice(query + 1)
  }

  /** The path without the query, percent-decoded. A decoded segment may hold slashes of its own. */
  get path(): string {
    return this.#decodedSegments().join("/")
  }

  /** The method and as much of the path as all requests of the endpoint share. */
  get endpoint(): string {
    return `${this.request.method} ${this.#rawPath.slice(0, this.#endpointEnd())}`
  }

  /**
   * What sets the request apart from others to its endpoint: a transaction's id, for its body tells the time;
   * of other requests the rest of the path, the query, and the body.
   */
  get label(): string {
    const rest = this.#rawPath.slice(this.#endpointEnd() + 1)
    if (this.isTransaction) return rest
    const { body } = this.request
    return `${rest}?${this.#rawQuery}#${body.length === 0 ? "" : encodeBase64Url(sha256(body))}`
  }

  /** Whether it is a `PUT …/send/{txnId}` (server-server API §Transactions). */
  get isTransaction(): boolean {
    return this.request.method === "PUT" && /^\/_matrix\/federation\/v\d+\/send\//.test(this.#rawPath)
  }

  /** The event ids in the path, in the query, and in what the caller can read. */
  get eventIds(): ReadonlySet<string> {
    this.#eventIds ??= new Set([
      ...this.#decodedSegments().filter((segment) => segment.startsWith("$")),
      ...new URLSearchParams(this.#rawQuery).values().filter((value) => value.startsWith("$")),
      ...this.#eventIdsOf(this.request),
    ])
    return this.#eventIds
  }

  /** The rooms in the path, and those of the PDUs and EDUs in the body. */
  get roomIds(): ReadonlySet<string> {
    this.#roomIds ??= new Set([
      ...this.#decodedSegments().filter((segment) => segment.startsWith("!")),
      ...roomIdsIn(this.json),
    ])
    return this.#roomIds
  }

  /** The body as JSON, read leniently; undefined where it is none. */
  get json(): JsonValue | undefined {
    this.#json ??= { value: readJson(this.request.body) }
    return this.#json.value
  }

  /** Where the slash behind the endpoint's segments is, or the end of the path. */
  #endpointEnd(): number {
    let at = 0
    for (let segment = 0; segment < endpointSegments; segment++) {
      at = this.#rawPath.indexOf("/", at + 1)
      if (at < 0) return this.#rawPath.length
    }
    return at
  }

  #decodedSegments(): readonly string[] {
    this.#segments ??= this.#rawPath.split("/").map(decoded)
    return this.#segments
  }
}

const roomIdsIn = (body: JsonValue | undefined): readonly string[] => {
  if (!isJsonObject(body)) return []
  const own = [body, body.content].flatMap((json) =>
    isJsonObject(json) && typeof json.room_id === "string" ? json.room_id : [],
  )
  const parts = [body.pdus, body.edus, body.event].flatMap((json) =>
    isJsonArray(json) ? json : json === undefined ? [] : [json],
  )
  return [...own, ...parts.flatMap(roomIdsIn)]
}
