/** Media: what users upload, how other servers get it, by new endpoints and old ones, and every way in which they do not. */
import { Context, Effect, Fiber, Result } from "effect"
import { describe, expect, it } from "vitest"
import { dispositionOf, type MediaFile } from "#spec-impl/federation/media/content-headers.ts"
import { LocalMedia } from "#spec-impl/federation/media/local-media.ts"
import { Media } from "#spec-impl/federation/media/media.ts"
import { writeMultipart } from "#spec-impl/federation/media/multipart.ts"
import { encodePng } from "#spec-impl/federation/media/thumbnails/png.ts"
import type { ThumbnailWish } from "#spec-impl/federation/media/thumbnails/thumbnail.ts"
import type { WireResponse } from "#spec-impl/federation/wire.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import { alterReply, drop, type RuleAction, reply, withBody } from "../network/rules.ts"
import { type Played, type PlayOptions, play, refusal } from "./testing/play.ts"
import { sendRaw, wrongSignatures } from "./testing/raw-request.ts"
import { bootServer, type Transport } from "./world.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const transports: readonly Transport[] = ["http", "direct"]

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const textFile = (text: string, more: Partial<MediaFile> = {}): MediaFile => ({
  contentType: "text/plain",
  filename: "note.txt",
  bytes: bytes(text),
  ...more,
})
const picture = (side: number): MediaFile => ({
  contentType: "image/png",
  filename: "picture.png",
  bytes: encodePng({ width: side, height: side, rgba: new Uint8Array(side * side * 4).fill(200) }),
})
const wish = (side: number, more: Partial<ThumbnailWish> = {}): ThumbnailWish => ({
  width: side,
  height: side,
  method: "scale",
  animated: false,
  ...more,
})
const idOf = (uri: string): string => uri.slice(uri.lastIndexOf("/") + 1)
const signedPath = /\/federation\/v1\/media\//
const legacyPath = /\/_matrix\/media\/v3\//

/** A story that begins with a file of Alice's. */
const withFile = <A, E>(
  story: (played: Played, uri: string) => Effect.Effect<A, E>,
  options: PlayOptions = {},
  file: MediaFile = textFile("hello"),
) =>
  play({ servers: 3, ...options }, (played) =>
    Effect.gen(function* () {
      return yield* story(played, yield* played.stage.user(alice).upload(file))
    }),
  )
const download = ({ stage }: Played, uri: string, timeoutMs?: number) =>
  stage.user(bob).download(uri, timeoutMs)
/** Puts a rule in force for the rest of the story. */
const rule = ({ stage }: Played, path: RegExp, action: RuleAction) => stage.rule("rule", { path }, action)

const get = (played: Played, target: string, more = {}) =>
  Effect.map(
    sendRaw(played, { from: "s2", to: "s1", method: "GET", target, ...more }),
    ({ status, errcode }) => (errcode === undefined ? String(status) : `${status} ${String(errcode)}`),
  )
const downloadPath = (uri: string, query = "") => `/_matrix/federation/v1/media/download/${idOf(uri)}${query}`
const thumbnailPath = (uri: string, query = "?width=8&height=8") =>
  `/_matrix/federation/v1/media/thumbnail/${idOf(uri)}${query}`
const legacyDownload = (uri: string, query = "?allow_remote=false") =>
  `/_matrix/media/v3/download/${uri.slice("mxc://".length)}${query}`
const legacyThumbnail = (uri: string, query = "?width=8&height=8&allow_remote=false") =>
  `/_matrix/media/v3/thumbnail/${uri.slice("mxc://".length)}${query}`

describe("a download", () => {
  for (const transport of transports) {
    it(`gives the same file to every server that asks, and asks once (${transport})`, () =>
      withFile(
        (played, uri) =>
          Effect.gen(function* () {
            expect(uri).toMatch(/^mxc:\/\/s1\/[A-Za-z0-9_-]{24}$/)
            expect(yield* download(played, uri)).toEqual(textFile("hello"))
            expect(yield* played.stage.user(alice).download(uri)).toEqual(textFile("hello"))
            const before = played.network.requests()
            expect(yield* download(played, uri)).toEqual(textFile("hello"))
            expect(played.network.requests()).toBe(before)
          }),
        { transport },
      ))

    it(`carries any bytes, many of them, and any name (${transport})`, () =>
      play({ servers: 2, transport }, (played) =>
        Effect.gen(function* () {
          const big = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * at) >> 3)
          for (const content of [big, new Uint8Array(0), bytes("\r\n--")]) {
            const file = textFile("", { bytes: content, filename: 'ein "Bär".png', contentType: "image/png" })
            const uri = yield* played.stage.user(alice).upload(file)
            const { bytes: given, ...named } = yield* download(played, uri)
            expect(named).toEqual({ contentType: file.contentType, filename: file.filename })
            expect(Buffer.from(given).equals(content)).toBe(true)
            const nameless = yield* played.stage.user(alice).upload({ ...file, filename: undefined })
            expect((yield* download(played, nameless)).filename).toBeUndefined()
          }
        }),
      ))
  }

  it("answers whoever signs, and nobody else; with two parts", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        expect(yield* get(played, downloadPath(uri))).toBe("200")
        expect(yield* get(played, thumbnailPath(uri))).toBe("400 M_UNKNOWN")
        for (const wrong of Object.values(wrongSignatures)) {
          expect(yield* get(played, downloadPath(uri), wrong)).toBe("401 M_UNAUTHORIZED")
          expect(yield* get(played, thumbnailPath(uri), wrong)).toBe("401 M_UNAUTHORIZED")
        }
        const { client } = played.servers.get("s2")!
        const answer = yield* client.call("s1", (api) =>
          api.media.download({ params: { mediaId: idOf(uri) }, query: {}, responseMode: "response-only" }),
        )
        const [, boundary] = /^multipart\/mixed; boundary=([0-9a-f]{32})$/.exec(
          answer.headers["content-type"]!,
        )!
        expect(yield* answer.text).toBe(
          `--${boundary}\r\nContent-Type: application/json\r\n\r\n{}\r\n--${boundary}\r\n` +
            'Content-Type: text/plain\r\nContent-Disposition: inline; filename="note.txt"\r\n\r\n' +
            `hello\r\n--${boundary}--\r\n`,
        )
      }),
    ))

  it("of nothing, of what is no id, or of another server's media is 404", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        yield* download(played, uri)
        for (const id of ["nothing", "..%2F..%2Fetc", "a.b", "%00", "%C3%A4"]) {
          expect(yield* get(played, downloadPath(`mxc://s1/${id}`))).toBe("404 M_NOT_FOUND")
        }
        // What s2 has kept of s1 is not s2's to give.
        expect(yield* get(played, downloadPath(uri), { from: "s3", to: "s2" })).toBe("404 M_NOT_FOUND")
        expect(yield* refusal(download(played, "mxc://s1/nothing"))).toContain("404 M_NOT_FOUND")
        for (const none of ["https://s1/x", "mxc://s1", "mxc://s1/a/b", "mxc://s1/..", "mxc://s 1/x"]) {
          expect(yield* refusal(download(played, none))).toContain("400 M_INVALID_PARAM")
        }
      }),
    ))

  it("of a file larger than is given or taken is 502 M_TOO_LARGE", async () => {
    await withFile(
      (played, uri) =>
        Effect.gen(function* () {
          expect(yield* refusal(download(played, uri))).toBe(
            "502 M_TOO_LARGE: s1 gave more than the 4 bytes that are taken here",
          )
        }),
      { settingsOf: (server) => (server === "s2" ? { mediaBytesMax: 4 } : {}) },
    )
    await play({ servers: 2 }, (played) =>
      Effect.gen(function* () {
        const { kernel, network } = played
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, signatures, disk: new MemoryDisk() }
        const uri = yield* Effect.scoped(
          Effect.gen(function* () {
            const { services } = yield* bootServer("s9", { ...parts, settings: {} })
            return yield* Context.get(services, LocalMedia).upload("@zoe:s9", textFile("hello"))
          }),
        )
        // The operator has become stricter since.
        yield* bootServer("s9", { ...parts, settings: { mediaBytesMax: 4 } })
        expect(yield* get(played, downloadPath(uri), { to: "s9" })).toBe("502 M_TOO_LARGE")
        expect(yield* refusal(download(played, uri))).toContain("502 M_TOO_LARGE")
      }).pipe(Effect.scoped),
    )
  })

  for (const transport of transports) {
    it(`asked too often is 429 with the time to wait, which the user is told (${transport})`, () =>
      withFile(
        (played, uri) =>
          Effect.gen(function* () {
            const other = yield* played.stage.user(alice).upload(textFile("other"))
            const third = yield* played.stage.user(alice).upload(textFile("third"))
            yield* download(played, uri)
            yield* download(played, other)
            const error = yield* Effect.flip(download(played, third))
            expect(error).toMatchObject({ status: 429, errcode: "M_LIMIT_EXCEEDED" })
            const waitMs = (error as { details?: { retry_after_ms?: number } }).details!.retry_after_ms!
            expect(waitMs).toBeGreaterThan(50_000)
            expect(waitMs).toBeLessThanOrEqual(60_000)
            // Each server for itself.
            expect(yield* played.stage.user("@carol:s3").download(third)).toEqual(textFile("third"))
            yield* played.stage.wait(waitMs)
            expect(yield* download(played, third)).toEqual(textFile("third"))
          }),
        { transport, settings: { mediaRequestsPerMinuteMax: 2 } },
      ))
  }

  it("that must wait for as long as a header says passes that on as well", async () => {
    for (const transport of transports) {
      await withFile(
        (played, uri) =>
          Effect.gen(function* () {
            const body = bytes('{"errcode":"M_LIMIT_EXCEEDED","error":"not now"}')
            const response = { status: 429, headers: { "retry-after": "7" }, body }
            yield* rule(played, signedPath, { kind: "reply", response })
            const error = yield* Effect.flip(download(played, uri))
            expect(error).toMatchObject({ status: 429, details: { retry_after_ms: 7_000 } })
          }),
        { transport },
      )
    }
  })

  it("that is refused for its number says so in seconds, too", () =>
    withFile(
      ({ network }, uri) =>
        Effect.gen(function* () {
          const request = { source: "s2", destination: "s1", method: "GET", target: legacyDownload(uri) }
          const { status, headers } = yield* network.send({
            ...request,
            headers: {},
            body: new Uint8Array(0),
          })
          expect(status).toBe(429)
          expect(headers["retry-after"]).toBe("60")
        }),
      { settings: { mediaRequestsPerMinuteMax: 0 } },
    ))
})

describe("an upload", () => {
  it("is refused where it is too large, too much, of somebody else's user, or of no content type", () =>
    play({ servers: 2, settings: { mediaBytesMax: 10, mediaBytesOfUserMax: 15 } }, ({ stage, servers }) =>
      Effect.gen(function* () {
        const user = stage.user(alice)
        expect(yield* refusal(user.upload(textFile("x".repeat(11))))).toContain("413 M_TOO_LARGE")
        yield* user.upload(textFile("x".repeat(10)))
        expect(yield* refusal(user.upload(textFile("x".repeat(6))))).toContain("403 M_FORBIDDEN")
        yield* stage.user("@anna:s1").upload(textFile("x".repeat(6)))
        const split = textFile("x", { contentType: "text/plain\r\nSet-Cookie: x" })
        expect(yield* refusal(user.upload(split))).toContain("400 M_INVALID_PARAM")
        const uploads = Context.get(servers.get("s1")!.services, LocalMedia)
        expect(yield* refusal(uploads.upload(bob, textFile("x")))).toContain("403 M_FORBIDDEN")
        expect(yield* refusal(uploads.create(bob))).toContain("403 M_FORBIDDEN")
      }),
    ))

  it("to a place that was announced happens once, in time, by who announced it", () =>
    play({ servers: 2 }, ({ stage }) =>
      Effect.gen(function* () {
        const user = stage.user(alice)
        const uri = yield* user.announceUpload()
        expect(yield* refusal(stage.user("@anna:s1").upload(textFile("x"), uri))).toContain("403 M_FORBIDDEN")
        expect(yield* user.upload(textFile("first"), uri)).toBe(uri)
        expect(yield* refusal(user.upload(textFile("second"), uri))).toContain("409 M_CANNOT_OVERWRITE_MEDIA")
        expect(yield* user.download(uri)).toEqual(textFile("first"))
        for (const none of ["mxc://s1/nothing", "mxc://s2/x", "nonsense"]) {
          expect(yield* refusal(user.upload(textFile("x"), none))).toContain("404 M_NOT_FOUND")
        }
        const late = yield* user.announceUpload()
        yield* stage.wait(24 * 60 * 60_000)
        expect(yield* refusal(user.upload(textFile("x"), late))).toContain("404 M_NOT_FOUND")
        expect(yield* refusal(user.download(late))).toContain("404 M_NOT_FOUND")
      }),
    ))

  it("may be announced so often before it comes, and again once one has come or its time is over", () =>
    play({ servers: 2, settings: { mediaPendingMax: 2 } }, ({ stage }) =>
      Effect.gen(function* () {
        const user = stage.user(alice)
        const uri = yield* user.announceUpload()
        yield* stage.wait(1_000)
        yield* user.announceUpload()
        expect(yield* Effect.flip(user.announceUpload())).toMatchObject({
          errcode: "M_LIMIT_EXCEEDED",
          details: { retry_after_ms: 24 * 60 * 60_000 - 1_000 },
        })
        yield* user.upload(textFile("x"), uri)
        yield* user.announceUpload()
        yield* stage.wait(24 * 60 * 60_000)
        yield* user.announceUpload()
        yield* user.announceUpload()
      }),
    ))

  for (const transport of transports) {
    it(`that comes in time is what a download has waited for; one that does not is 504 (${transport})`, () =>
      play({ servers: 2, transport }, (played) =>
        Effect.gen(function* () {
          const { stage, kernel } = played
          const uri = yield* stage.user(alice).announceUpload()
          const elapsed = <A, E>(action: Effect.Effect<A, E>) =>
            Effect.suspend(() => {
              const startMs = kernel.nowMs
              return Effect.map(refusal(action as Effect.Effect<never, E>), (message) => ({
                message,
                ms: Math.floor((kernel.nowMs - startMs) / 1_000) * 1_000,
              }))
            })
          const notYet = expect.stringContaining("504 M_NOT_YET_UPLOADED")
          expect(yield* elapsed(download(played, uri))).toEqual({ message: notYet, ms: 20_000 })
          expect(yield* elapsed(download(played, uri, 3_000))).toEqual({ message: notYet, ms: 3_000 })
          expect(yield* elapsed(download(played, uri, 0))).toEqual({ message: notYet, ms: 0 })
          expect(yield* elapsed(download(played, uri, -5))).toEqual({ message: notYet, ms: 0 })
          expect(yield* elapsed(download(played, uri, 3_600_000))).toEqual({ message: notYet, ms: 60_000 })
          const waiting = yield* Effect.forkDetach(download(played, uri))
          yield* stage.wait(15_000)
          const startMs = kernel.nowMs
          yield* stage.user(alice).upload(textFile("at last"), uri)
          expect(yield* Fiber.join(waiting)).toEqual(textFile("at last"))
          expect(kernel.nowMs - startMs).toBeLessThan(1_000)
        }),
      ))
  }

  it("that a crash meets is there whole or not at all, and what was acknowledged is there", async () => {
    const outcomes = new Set<string>()
    for (let seed = 1; seed <= 12; seed++) {
      await withFile(
        (played, uri) =>
          Effect.gen(function* () {
            const { stage } = played
            const announced = yield* stage.user(alice).announceUpload()
            const uploading = yield* Effect.forkDetach(stage.user(alice).upload(textFile("whole"), announced))
            for (let step = 0; step < seed; step++) yield* Effect.yieldNow
            yield* stage.crash("s1")
            const isAcknowledged = uploading.pollUnsafe() !== undefined
            yield* stage.restart("s1")
            expect(yield* download(played, uri)).toEqual(textFile("hello"))
            const found = yield* Effect.result(download(played, announced, 0))
            if (Result.isSuccess(found)) expect(found.success).toEqual(textFile("whole"))
            else {
              expect(isAcknowledged).toBe(false)
              expect(found.failure.message).toContain("M_NOT_YET_UPLOADED")
              yield* stage.user(alice).upload(textFile("again"), announced)
            }
            outcomes.add(found._tag)
          }),
        { seed },
      )
    }
    expect(outcomes.size).toBe(2)
  })

  it("outlives a restart, and so does what was announced and what was fetched", () =>
    play({ servers: 1 }, (played) =>
      Effect.gen(function* () {
        const { kernel, network, stage } = played
        const signatures = synchronously(nativeSignatures("libsodium"))
        const parts = { kernel, network, signatures, settings: {}, disk: new MemoryDisk() }
        const remote = yield* stage.user(alice).upload(textFile("remote"))
        const [uri, announced] = yield* Effect.scoped(
          Effect.gen(function* () {
            const { services } = yield* bootServer("home", parts)
            const uploads = Context.get(services, LocalMedia)
            yield* Context.get(services, Media).download(remote)
            return [
              yield* uploads.upload("@zoe:home", textFile("kept")),
              (yield* uploads.create("@zoe:home")).uri,
            ] as const
          }),
        )
        yield* network.partition([["s1"], ["home"]])
        const { services } = yield* bootServer("home", parts)
        const media = Context.get(services, Media)
        expect(yield* media.download(uri)).toEqual(textFile("kept"))
        expect(yield* media.download(remote)).toEqual(textFile("remote"))
        yield* Context.get(services, LocalMedia).upload("@zoe:home", textFile("later"), announced)
        expect(yield* media.download(announced)).toEqual(textFile("later"))
      }).pipe(Effect.scoped),
    ))
})

describe("a thumbnail", () => {
  for (const transport of transports) {
    it(`is made by the image's server, kept, and made here once the image is here (${transport})`, () =>
      withFile(
        (played, uri) =>
          Effect.gen(function* () {
            const user = played.stage.user(bob)
            const before = played.network.requests()
            const thumbnail = yield* user.thumbnail(uri, wish(8))
            expect(thumbnail).toMatchObject({ contentType: "image/png", filename: "thumbnail.png" })
            expect(thumbnail.bytes.length).toBeLessThan(200)
            expect(yield* user.thumbnail(uri, wish(8))).toEqual(thumbnail)
            expect(played.network.requests()).toBe(before + 2)
            yield* user.download(uri)
            yield* user.thumbnail(uri, wish(9))
            expect(played.network.requests()).toBe(before + 3)
            expect(yield* played.stage.user(alice).thumbnail(uri, wish(8))).toEqual(thumbnail)
          }),
        { transport },
        picture(64),
      ))
  }

  it("of sizes or methods that make no sense is 400 M_UNKNOWN, of parameters that are missing 400", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          for (const size of [
            "width=-8&height=8",
            "width=8.5&height=8",
            "width=0&height=8",
            "width=x&height=8",
          ]) {
            expect(yield* get(played, thumbnailPath(uri, `?${size}`))).toBe("400 M_UNKNOWN")
          }
          expect(yield* get(played, thumbnailPath(uri, "?width=8&height=8&method=bend"))).toBe(
            "400 M_UNKNOWN",
          )
          expect(yield* get(played, thumbnailPath(uri, "?width=8"))).toBe("400 M_MISSING_PARAM")
          expect(yield* get(played, thumbnailPath(uri, "?width=8&height=8&animated=x"))).toBe(
            "400 M_INVALID_PARAM",
          )
          expect(yield* get(played, thumbnailPath(uri, "?width=8&height=8&timeout_ms=x"))).toBe(
            "400 M_INVALID_PARAM",
          )
          expect(yield* get(played, thumbnailPath(uri, "?width=8&height=8&method=crop&animated=true"))).toBe(
            "200",
          )
          const user = played.stage.user(bob)
          expect(yield* refusal(user.thumbnail(uri, wish(-1)))).toContain("400 M_UNKNOWN")
        }),
      {},
      picture(64),
    ))

  it("of what is no image is 400, of a huge one 413 and 502 to users of other servers, of nothing 404", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          const note = yield* played.stage.user(alice).upload(textFile("x"))
          expect(yield* get(played, thumbnailPath(note))).toBe("400 M_UNKNOWN")
          expect(yield* refusal(played.stage.user(bob).thumbnail(note, wish(8)))).toContain("400 M_UNKNOWN")
          expect(yield* get(played, thumbnailPath(uri))).toBe("413 M_TOO_LARGE")
          expect(yield* refusal(played.stage.user(alice).thumbnail(uri, wish(8)))).toContain(
            "413 M_TOO_LARGE",
          )
          expect(yield* refusal(played.stage.user(bob).thumbnail(uri, wish(8)))).toContain("502 M_TOO_LARGE")
          yield* download(played, uri)
          expect(yield* refusal(played.stage.user(bob).thumbnail(uri, wish(8)))).toContain("502 M_TOO_LARGE")
          expect(yield* get(played, thumbnailPath("mxc://s1/nothing"))).toBe("404 M_NOT_FOUND")
          const announced = yield* played.stage.user(alice).announceUpload()
          expect(yield* get(played, thumbnailPath(announced, "?width=8&height=8&timeout_ms=10"))).toBe(
            "504 M_NOT_YET_UPLOADED",
          )
        }),
      { settings: { thumbnailPixelsMax: 64 * 64 - 1 } },
      picture(64),
    ))

  it("that is no picture is not taken from another server", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          const file = textFile("<script>", { contentType: "text/html" })
          const body = writeMultipart({ kind: "file", file }, "b")
          const headers = { "content-type": "multipart/mixed; boundary=b" }
          yield* rule(played, signedPath, { kind: "reply", response: { status: 200, headers, body } })
          expect(yield* refusal(played.stage.user(bob).thumbnail(uri, wish(8)))).toContain("502 M_UNKNOWN")
        }),
      {},
      picture(64),
    ))
})

describe("an answer without sense", () => {
  const answers: Readonly<Record<string, (response: WireResponse) => WireResponse>> = {
    "no multipart": (response) => ({ ...response, headers: { "content-type": "application/json" } }),
    "another boundary": (response) => ({
      ...response,
      headers: { "content-type": "multipart/mixed; boundary=other" },
    }),
    "its end missing": (response) => withBody(response, response.body.slice(0, -8)),
    "half of it missing": (response) => withBody(response, response.body.slice(0, response.body.length >> 1)),
    "nothing in it": (response) => withBody(response, new Uint8Array(0)),
  }
  for (const [name, alter] of Object.entries(answers)) {
    it(`${name}: 502, and nothing is kept`, async () => {
      for (const transport of transports) {
        await withFile(
          (played, uri) =>
            Effect.gen(function* () {
              yield* rule(played, signedPath, alterReply(alter))
              expect(yield* refusal(download(played, uri))).toContain("502 M_UNKNOWN")
              const { services } = played.servers.get("s2")!
              expect(Context.get(services, Media).digestOf(uri)).toBeUndefined()
            }),
          { transport },
        )
      }
    })
  }

  it("is another error's, which the user is told as a fault of the server; or none at all", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* played.network.rule(
              { path: signedPath },
              reply(403, { errcode: "M_FORBIDDEN", error: "no" }),
            )
            expect(yield* refusal(download(played, uri))).toContain("502 M_UNKNOWN")
          }),
        )
        yield* rule(played, signedPath, drop)
        expect(yield* refusal(download(played, uri))).toContain("timed-out")
      }),
    ))
})

describe("media that is to be had elsewhere", () => {
  const cdn = (response: Partial<WireResponse>) => ({
    status: 200,
    headers: {},
    body: bytes("from afar"),
    ...response,
  })
  const redirected = <A, E>(
    transport: Transport,
    story: (played: Played, uri: string) => Effect.Effect<A, E>,
    mediaRedirectUrl = "https://cdn.test/media",
  ) => withFile(story, { transport, settingsOf: (server) => (server === "s1" ? { mediaRedirectUrl } : {}) })

  for (const transport of transports) {
    it(`is fetched from there by a plain request (${transport})`, () =>
      redirected(transport, (played, uri) =>
        Effect.gen(function* () {
          const seen: string[] = []
          yield* played.network.attach("cdn.test", ({ method, target, headers, source }) =>
            Effect.sync(() => {
              seen.push(`${source} ${method} ${target} ${headers.authorization}`)
              const file = { contentType: "image/png", filename: "far.png" }
              return cdn({
                headers: { "content-type": file.contentType, "content-disposition": dispositionOf(file) },
              })
            }),
          )
          expect(yield* download(played, uri)).toEqual({
            contentType: "image/png",
            filename: "far.png",
            bytes: bytes("from afar"),
          })
          yield* download(played, uri)
          expect(seen).toEqual([`s2 GET /media/${idOf(uri)} undefined`])
        }).pipe(Effect.scoped),
      ))
  }

  it("is not there, or in no place where one would look", async () => {
    for (const [status, message] of [
      [404, "404 M_NOT_FOUND"],
      [500, "502 M_UNKNOWN"],
      [302, "502 M_UNKNOWN"],
    ] as const) {
      await redirected("http", (played, uri) =>
        Effect.gen(function* () {
          yield* played.network.attach("cdn.test", () => Effect.succeed(cdn({ status })))
          expect(yield* refusal(download(played, uri))).toContain(message)
        }).pipe(Effect.scoped),
      )
    }
    await redirected("http", (played, uri) =>
      Effect.gen(function* () {
        expect(yield* refusal(download(played, uri))).toContain("cdn.test: refused")
      }),
    )
    for (const url of ["file:///etc", "http://cdn.test", "nonsense"]) {
      await redirected(
        "http",
        (played, uri) =>
          Effect.map(refusal(download(played, uri)), (message) => expect(message).toContain("502")),
        url,
      )
    }
  })
})

describe("the endpoints of before v1.11", () => {
  const oldServer = (server: string) => (server === "s1" ? { authenticatedMedia: false } : {})

  for (const transport of transports) {
    it(`are asked after 404 M_UNRECOGNIZED alone, never for media of others (${transport})`, () =>
      withFile(
        (played, uri) =>
          Effect.gen(function* () {
            const asked: string[] = []
            yield* played.network.rule(
              {
                path: (path) => {
                  if (path.includes("/media/")) asked.push(path.split("/").slice(2, 5).join("/"))
                  return false
                },
              },
              drop,
            )
            expect(yield* download(played, uri)).toEqual(textFile("hello"))
            expect(asked).toEqual(["federation/v1/media", "media/v3/download"])
            const image = yield* played.stage.user(alice).upload(picture(64))
            expect(yield* played.stage.user(bob).thumbnail(image, wish(8))).toMatchObject({
              contentType: "image/png",
            })
            expect(asked.slice(2)).toEqual(["federation/v1/media", "media/v3/thumbnail"])
            expect(yield* refusal(download(played, "mxc://s1/nothing"))).toContain("404 M_NOT_FOUND")
          }).pipe(Effect.scoped),
        { transport, settingsOf: oldServer },
      ))
  }

  it("are asked with allow_remote=false", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          const targets: string[] = []
          yield* rule(
            played,
            legacyPath,
            alterReply((response, { target }) => {
              targets.push(target)
              return response
            }),
          )
          yield* download(played, uri, 5_000)
          expect(targets).toEqual([legacyDownload(uri, "?allow_remote=false&timeout_ms=5000")])
        }),
      { settingsOf: oldServer },
    ))

  it("are not asked after another error", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        yield* rule(played, signedPath, reply(404, { errcode: "M_NOT_FOUND", error: "gone" }))
        expect(yield* refusal(download(played, uri))).toContain("404 M_NOT_FOUND")
        expect(yield* get(played, legacyDownload(uri))).toBe("200")
      }),
    ))

  it("are all that an old server asks for", () =>
    play({ servers: 2, settingsOf: oldServer }, ({ stage, network }) =>
      Effect.gen(function* () {
        const uri = yield* stage.user(bob).upload(textFile("new"))
        const before = network.requests()
        expect(yield* stage.user(alice).download(uri)).toEqual(textFile("new"))
        expect(network.requests()).toBe(before + 1)
      }),
    ))

  it("answer without a signature, with the headers that keep a browser safe", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          const request = {
            source: "s2",
            destination: "s1",
            method: "GET",
            headers: {},
            body: new Uint8Array(0),
          }
          const { status, headers, body } = yield* played.network.send({
            ...request,
            target: legacyDownload(uri),
          })
          expect(status).toBe(200)
          expect(body).toEqual(bytes("<b>hi</b>"))
          expect(headers).toMatchObject({
            "content-type": "text/html",
            "content-disposition": 'attachment; filename="note.txt"',
            "cross-origin-resource-policy": "cross-origin",
          })
          expect(headers["content-security-policy"]).toMatch(
            /^sandbox; default-src 'none'; script-src 'none';/,
          )
        }),
      {},
      textFile("<b>hi</b>", { contentType: "text/html" }),
    ))

  it("give media of other servers only where that is not forbidden, and 404 for what is none", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        const fromS3 = (target: string) => get(played, target, { from: "s3", to: "s2", unsigned: true })
        expect(yield* fromS3(legacyDownload(uri))).toBe("404 M_NOT_FOUND")
        expect(yield* fromS3(legacyDownload(uri, ""))).toBe("200")
        // Kept by now; and still not s2's to give to a server.
        expect(yield* fromS3(legacyDownload(uri))).toBe("404 M_NOT_FOUND")
        expect(yield* fromS3(legacyDownload("mxc://s4/x", ""))).toBe("502 M_UNKNOWN")
        expect(yield* fromS3(legacyDownload("mxc://s2/a.b"))).toBe("404 M_NOT_FOUND")
        expect(yield* fromS3(legacyDownload("mxc://s2/nothing"))).toBe("404 M_NOT_FOUND")
        const announced = yield* played.stage.user(alice).announceUpload()
        expect(yield* get(played, legacyDownload(announced, "?timeout_ms=1"))).toBe("504 M_NOT_YET_UPLOADED")
      }),
    ))

  it("of thumbnails have the same errors", () =>
    withFile(
      (played, uri) =>
        Effect.gen(function* () {
          expect(yield* get(played, legacyThumbnail(uri))).toBe("200")
          expect(yield* get(played, legacyThumbnail(uri, "?width=-1&height=8"))).toBe("400 M_UNKNOWN")
          expect(yield* get(played, legacyThumbnail(uri, "?width=8&height=8&method=bend"))).toBe(
            "400 M_UNKNOWN",
          )
          expect(yield* get(played, legacyThumbnail(uri, "?width=8"))).toBe("400 M_MISSING_PARAM")
          const note = yield* played.stage.user(alice).upload(textFile("x"))
          expect(yield* get(played, legacyThumbnail(note))).toBe("400 M_UNKNOWN")
          expect(yield* get(played, legacyThumbnail("mxc://s3/x"))).toBe("404 M_NOT_FOUND")
        }),
      {},
      picture(64),
    ))

  it("are gone where they are switched off, and keep back what came after the freeze", async () => {
    await withFile(
      (played, uri) =>
        Effect.map(get(played, legacyDownload(uri)), (answer) => expect(answer).toBe("404 M_UNRECOGNIZED")),
      { settings: { legacyEndpoints: false } },
    )
    const startTs = 1_700_000_000_000
    await withFile(
      (played, uri) =>
        Effect.gen(function* () {
          yield* played.stage.wait(20_000)
          const late = yield* played.stage.user(alice).upload(textFile("late"))
          expect(yield* get(played, legacyDownload(uri))).toBe("200")
          expect(yield* get(played, legacyDownload(late))).toBe("404 M_NOT_FOUND")
          expect(yield* get(played, downloadPath(late))).toBe("200")
          // Of remote media what counts is when it came here.
          const early = (target: string) => get(played, target, { from: "s3", to: "s2" })
          expect(yield* early(legacyDownload(uri, ""))).toBe("404 M_NOT_FOUND")
        }),
      { settings: { mediaFreezeTs: startTs + 10_000 } },
    )
  })
})

describe("what is kept of other servers' media", () => {
  it("is bounded: what was asked for longest ago makes room", () =>
    play({ servers: 2, settings: { mediaCacheBytesMax: 10 } }, (played) =>
      Effect.gen(function* () {
        const uris: string[] = []
        for (const text of ["aaaa", "bbbb", "cccc"]) {
          uris.push(yield* played.stage.user(alice).upload(textFile(text)))
        }
        const [a, b, c] = uris as [string, string, string]
        const held = () => {
          const media = Context.get(played.servers.get("s2")!.services, Media)
          return [a, b, c].map((uri) => media.digestOf(uri) !== undefined)
        }
        yield* download(played, a)
        yield* download(played, b)
        yield* download(played, a)
        yield* download(played, c)
        expect(held()).toEqual([true, false, true])
        expect(yield* download(played, b)).toEqual(textFile("bbbb"))
        expect(held()).toEqual([false, true, true])
        const big = yield* played.stage.user(alice).upload(textFile("x".repeat(11)))
        expect(yield* download(played, big)).toEqual(textFile("x".repeat(11)))
        expect(held()).toEqual([false, true, true])
      }),
    ))

  it("is shown while its server cannot be reached; what is not there is fetched after the cut", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        const { stage } = played
        const other = yield* stage.user(alice).upload(textFile("other"))
        yield* download(played, uri)
        yield* stage.partition(["s1"], ["s2", "s3"])
        expect(yield* download(played, uri)).toEqual(textFile("hello"))
        expect(yield* refusal(download(played, other))).toContain("s1: unreachable")
        yield* stage.heal
        expect(yield* download(played, other)).toEqual(textFile("other"))
      }),
    ))

  it("is nothing of a download that a cut took away", () =>
    withFile((played, uri) =>
      Effect.gen(function* () {
        const { stage } = played
        const announced = yield* stage.user(alice).announceUpload()
        const waiting = yield* Effect.forkDetach(refusal(download(played, announced)))
        yield* stage.wait(2_000)
        yield* stage.partition(["s1"], ["s2", "s3"])
        yield* stage.user(alice).upload(textFile("unheard"), announced)
        expect(yield* Fiber.join(waiting)).toContain("s1: timed-out")
        yield* stage.heal
        expect(yield* download(played, announced)).toEqual(textFile("unheard"))
        expect(yield* download(played, uri)).toEqual(textFile("hello"))
      }),
    ))
})
