import type { Host, HttpRequest, Tags } from "./host.ts"
import type { Vu } from "./vu.ts"

interface Params {
  readonly headers?: Record<string, string>
  readonly tags?: Record<string, string>
  readonly timeout?: string | number
  readonly responseType?: "text" | "binary" | "none"
  readonly responseCallback?: ExpectedStatuses
}

/** What `http.expectedStatuses` gives: pairs of lowest and highest. */
class ExpectedStatuses {
  readonly ranges: readonly number[]
  constructor(ranges: readonly number[]) {
    this.ranges = ranges
  }
}

interface Timings {
  readonly blocked: number
  readonly connecting: number
  readonly tls_handshaking: number
  readonly sending: number
  readonly waiting: number
  readonly receiving: number
  readonly duration: number
}

class Response {
  readonly status: number
  readonly body: string | ArrayBuffer | null
  readonly error: string
  readonly error_code: number
  readonly timings: Timings
  readonly request: { readonly method: string; readonly url: string; readonly body: unknown }
  readonly proto = "HTTP/1.1"
  readonly #headerLines: string
  #headers: Record<string, string> | undefined

  constructor(
    request: HttpRequest,
    status: number,
    headerLines: string,
    body: string | ArrayBuffer | null,
    error: string,
    errorCode: number,
    timings: Timings,
  ) {
    this.request = { method: request.method, url: request.url, body: request.body }
    this.status = status
    this.body = body
    this.error = error
    this.error_code = errorCode
    this.timings = timings
    this.#headerLines = headerLines
  }

  get url(): string {
    return this.request.url
  }

  /** By canonical name (`Content-Type`), as k6 writes them. */
  get headers(): Record<string, string> {
    if (this.#headers === undefined) {
      this.#headers = {}
      const lines = this.#headerLines.split("\n")
      for (let i = 0; i + 1 < lines.length; i += 2) this.#headers[canonicalName(lines[i]!)] = lines[i + 1]!
    }
    return this.#headers
  }

  json(selector?: string): unknown {
    if (selector !== undefined) throw new Error("the node engine has no selectors: take the whole of json()")
    if (typeof this.body !== "string")
      throw new Error("the body is null or binary, and can't be parsed as JSON")
    return JSON.parse(this.body)
  }
}

const canonicalName = (name: string): string =>
  name.replace(/(^|-)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())

const defaultTimeoutMs = 60_000

/** `k6/http` for one VU. What blocks in k6 cannot be had in one thread, and says so. */
export const makeHttp = (host: Host, vu: Vu): Record<string, unknown> => {
  let defaultExpected: readonly number[] = [200, 399]

  const asyncRequest = (
    method: string,
    url: unknown,
    body?: unknown,
    params?: Params | null,
  ): Promise<Response> => {
    const { text, name } = readUrl(url)
    const headers: Record<string, string> = { ...params?.headers }
    const tags: Tags = {
      method,
      name: name ?? text,
      url: name ?? text,
      proto: "HTTP/1.1",
      ...vu.tags(),
      ...params?.tags,
    }
    const request: HttpRequest = {
      method,
      url: text,
      headers,
      body: readBody(body, headers),
      keepBody: params?.responseType ?? (vu.discardBodies ? "none" : "text"),
      timeoutMs: readTimeout(params?.timeout),
      expected: params?.responseCallback?.ranges ?? defaultExpected,
      tags,
    }
    return new Promise((resolve) => {
      host.request(
        vu.number,
        request,
        (
          status,
          lines,
          content,
          bytes,
          error,
          code,
          blocked,
          connecting,
          tls,
          sending,
          waiting,
          receiving,
        ) => {
          const timings: Timings = {
            blocked,
            connecting,
            tls_handshaking: tls,
            sending,
            waiting,
            receiving,
            duration: sending + waiting + receiving,
          }
          const kept = takeBody(host, request.keepBody, content, bytes)
          resolve(new Response(request, status, lines, kept, error, code, timings))
          vu.end()
        },
      )
      vu.begin()
    })
  }

  const blocking = (name: string) => () => {
    throw new Error(`http.${name} blocks its VU, which one thread cannot: use await http.asyncRequest(…)`)
  }
  const expectedStatuses = (...statuses: readonly (number | { min: number; max: number })[]) =>
    new ExpectedStatuses(
      statuses.flatMap((one) => (typeof one === "number" ? [one, one] : [one.min, one.max])),
    )
  const setResponseCallback = (callback: ExpectedStatuses): void => {
    defaultExpected = callback.ranges
  }
  const blocked = ["get", "post", "put", "patch", "del", "head", "options", "request", "batch"]
  return {
    asyncRequest,
    expectedStatuses,
    setResponseCallback,
    url: tagUrl,
    ...Object.fromEntries(blocked.map((name) => [name, blocking(name)])),
  }
}

const takeBody = (
  host: Host,
  keepBody: HttpRequest["keepBody"],
  text: string,
  bytes: number,
): string | ArrayBuffer | null => {
  if (keepBody === "text") return text
  if (keepBody === "none") return null
  const body = new ArrayBuffer(bytes)
  host.takeBody(new Uint8Array(body))
  return body
}

/** What the tag `http.url` makes of a template: the URL, and a name without what changes. */
class NamedUrl {
  readonly url: string
  readonly name: string
  constructor(url: string, name: string) {
    this.url = url
    this.name = name
  }
  toString(): string {
    return this.url
  }
}

const tagUrl = (strings: readonly string[], ...values: readonly unknown[]): NamedUrl =>
  new NamedUrl(
    strings.map((part, i) => part + (i < values.length ? String(values[i]) : "")).join(""),
    // The placeholder that k6 writes for what changes.
    strings.join("$" + "{}"),
  )

const readUrl = (url: unknown): { readonly text: string; readonly name: string | undefined } =>
  url instanceof NamedUrl ? { text: url.url, name: url.name } : { text: String(url), name: undefined }

/** A string or bytes as they are; an object as a form, as k6 sends it. */
const readBody = (body: unknown, headers: Record<string, string>): string | ArrayBuffer | undefined => {
  if (body === undefined || body === null) return undefined
  if (typeof body === "string" || body instanceof ArrayBuffer) return body
  if (ArrayBuffer.isView(body)) throw new Error("a body is a string, an object or an ArrayBuffer")
  if (!Object.keys(headers).some((name) => name.toLowerCase() === "content-type")) {
    headers["content-type"] = "application/x-www-form-urlencoded"
  }
  return Object.entries(body)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
    .join("&")
}

const readTimeout = (timeout: string | number | undefined): number => {
  if (timeout === undefined) return defaultTimeoutMs
  if (typeof timeout === "number") return timeout
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
  const parts = [...timeout.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.map((part) => part[0]).join("") !== timeout || parts.length === 0) {
    throw new Error(`not a duration: ${timeout}`)
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * units[part[2]!]!, 0)
}
