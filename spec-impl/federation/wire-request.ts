/** A request that came as bytes, as the routes see it. What it holds is at hand: nothing is awaited. */
import { Effect, Inspectable, Option, Stream } from "effect"
import {
  Cookies,
  Headers,
  HttpIncomingMessage,
  HttpServerError,
  HttpServerRequest,
  Multipart,
  UrlParams,
} from "effect/http"
import type { WireRequest } from "./wire-message.ts"

const utf8 = new TextDecoder()

/** What the router or a middleware may set otherwise. */
type Changes = Parameters<HttpServerRequest.HttpServerRequest["modify"]>[0]

export class WireServerRequest extends Inspectable.Class implements HttpServerRequest.HttpServerRequest {
  readonly [HttpServerRequest.TypeId] = HttpServerRequest.TypeId
  readonly [HttpIncomingMessage.TypeId] = HttpIncomingMessage.TypeId
  readonly source: WireRequest
  readonly url: string
  readonly headers: Headers.Headers
  readonly remoteAddress: Option.Option<string>
  readonly peerAddress: Option.Option<string>
  readonly protocol: "http" | "https" | undefined

  constructor(source: WireRequest, changes: Changes = {}) {
    super()
    this.source = source
    this.url = changes.url ?? source.target
    this.headers = changes.headers ?? Headers.fromInput(source.headers)
    this.remoteAddress = changes.remoteAddress ?? Option.some(source.source)
    this.peerAddress = changes.peerAddress ?? this.remoteAddress
    this.protocol = changes.protocol
  }

  get method(): string {
    return this.source.method
  }

  get originalUrl(): string {
    return this.source.target
  }

  modify(changes: Changes): WireServerRequest {
    return new WireServerRequest(this.source, {
      url: this.url,
      headers: this.headers,
      remoteAddress: this.remoteAddress,
      peerAddress: this.peerAddress,
      ...(this.protocol === undefined ? {} : { protocol: this.protocol }),
      ...changes,
    })
  }

  get cookies(): Readonly<Record<string, string>> {
    return Cookies.parseHeader(this.headers.cookie ?? "")
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer> {
    const { buffer, byteLength } = this.source.body
    const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    return Effect.succeed(isWhole ? buffer : Uint8Array.from(this.source.body).buffer)
  }

  get text(): Effect.Effect<string> {
    return Effect.sync(() => utf8.decode(this.source.body))
  }

  get json(): HttpServerRequest.HttpServerRequest["json"] {
    return Effect.flatMap(this.text, (text) =>
      Effect.try({ try: () => JSON.parse(text), catch: (cause) => this.unreadable(cause) }),
    )
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get stream(): Stream.Stream<Uint8Array> {
    return Stream.succeed(this.source.body)
  }

  get multipart(): HttpServerRequest.HttpServerRequest["multipart"] {
    return Multipart.toPersisted(this.multipartStream)
  }

  get multipartStream(): HttpServerRequest.HttpServerRequest["multipartStream"] {
    return Stream.pipeThroughChannel(this.stream, Multipart.makeChannel(this.headers))
  }

  get upgrade(): HttpServerRequest.HttpServerRequest["upgrade"] {
    return this.upgradeWith()
  }

  upgradeWith(): HttpServerRequest.HttpServerRequest["upgrade"] {
    return Effect.fail(this.unreadable("whole requests cannot be upgraded"))
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, { method: this.method, url: this.url })
  }

  private unreadable(cause: unknown): HttpServerError.HttpServerError {
    return new HttpServerError.HttpServerError({
      reason: new HttpServerError.RequestParseError({ request: this, cause }),
    })
  }
}
