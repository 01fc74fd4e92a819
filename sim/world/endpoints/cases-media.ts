/** Media: by signed requests, and by those of before v1.11. */
import { Context, Effect, Scope } from "effect"
import { LocalMedia } from "#spec-impl/federation/media/local-media.ts"
import { encodePng } from "#spec-impl/federation/media/thumbnails/png.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { synchronously } from "#spec-impl/homeserver/signatures/noble.ts"
import { MemoryDisk } from "#spec-impl/store/memory.ts"
import type { Played } from "../testing/play.ts"
import { bootServer } from "../world.ts"
import { casesOf, get } from "./cases.ts"

const v1 = "/_matrix/federation/v1"
const legacy = "/_matrix/media/v3"

const image = {
  contentType: "image/png",
  filename: "grey.png",
  bytes: encodePng({ width: 64, height: 64, rgba: new Uint8Array(64 * 64 * 4).fill(128) }),
}
const note = { contentType: "text/plain", filename: undefined, bytes: Uint8Array.of(104, 105) }

const idOf = (uri: string): string => uri.slice(uri.lastIndexOf("/") + 1)

/** What Alice of s1 has uploaded, and what she has announced. */
const uploaded = Effect.fnUntraced(function* ({ stage }: Played) {
  const alice = stage.user("@alice:s1")
  return {
    image: idOf(yield* alice.upload(image)),
    note: idOf(yield* alice.upload(note)),
    announced: idOf(yield* alice.announceUpload()),
  }
})

/** An image on s9, whose operator has allowed smaller files alone since it was uploaded. */
const onStricterServer = Effect.fnUntraced(function* ({ kernel, network }: Played) {
  const signatures = synchronously(nativeSignatures("libsodium"))
  const parts = { kernel, network, signatures, disk: new MemoryDisk() }
  const before = yield* Scope.make()
  const { services, crash } = yield* Scope.provide(bootServer("s9", { ...parts, settings: {} }), before)
  const uri = yield* Context.get(services, LocalMedia).upload("@zoe:s9", image)
  yield* crash
  const settings = { mediaBytesMax: 4 }
  yield* Scope.provide(bootServer("s9", { ...parts, settings }), yield* Scope.make())
  return idOf(uri)
})

const size = "width=8&height=8"
const asksTooOften = { settings: { mediaRequestsPerMinuteMax: 0 } }
const multipart = { answers: () => ({}), contentType: "multipart/mixed; boundary=" }

export const mediaCases = casesOf(uploaded, {
  [`GET ${v1}/media/download/{mediaId}`]: {
    ...multipart,
    succeeds: (scene) => get(`media/download/${scene.note}`),
    refuses: {
      "400 M_INVALID_PARAM": (scene) => get(`media/download/${scene.note}?timeout_ms=soon`),
      "404 M_NOT_FOUND": () => [get("media/download/nothing"), get("media/download/..%2Fetc")],
      "404 M_UNRECOGNIZED": {
        options: { settings: { authenticatedMedia: false } },
        asks: (scene) => get(`media/download/${scene.note}`),
      },
      "429 M_LIMIT_EXCEEDED": {
        options: asksTooOften,
        asks: (scene) => get(`media/download/${scene.note}`),
      },
      "502 M_TOO_LARGE": (_, played) =>
        Effect.map(onStricterServer(played), (id) => ({ ...get(`media/download/${id}`), to: "s9" })),
      "504 M_NOT_YET_UPLOADED": (scene) => get(`media/download/${scene.announced}?timeout_ms=100`),
    },
  },
  [`GET ${v1}/media/thumbnail/{mediaId}`]: {
    ...multipart,
    succeeds: (scene) => get(`media/thumbnail/${scene.image}?${size}`),
    refuses: {
      "400 M_MISSING_PARAM": (scene) => get(`media/thumbnail/${scene.image}?width=8`),
      "400 M_UNKNOWN": (scene) => [
        get(`media/thumbnail/${scene.note}?${size}`),
        get(`media/thumbnail/${scene.image}?width=-8&height=8`),
        get(`media/thumbnail/${scene.image}?width=8&height=0.5`),
        get(`media/thumbnail/${scene.image}?${size}&method=bend`),
      ],
      "404 M_NOT_FOUND": () => get(`media/thumbnail/nothing?${size}`),
      "413 M_TOO_LARGE": {
        options: { settings: { thumbnailPixelsMax: 4_095 } },
        asks: (scene) => get(`media/thumbnail/${scene.image}?${size}`),
      },
      "429 M_LIMIT_EXCEEDED": {
        options: asksTooOften,
        asks: (scene) => get(`media/thumbnail/${scene.image}?${size}`),
      },
      "502 M_TOO_LARGE": (_, played) =>
        Effect.map(onStricterServer(played), (id) => ({ ...get(`media/thumbnail/${id}?${size}`), to: "s9" })),
      "504 M_NOT_YET_UPLOADED": (scene) => get(`media/thumbnail/${scene.announced}?${size}&timeout_ms=100`),
    },
  },
  [`GET ${legacy}/download/{serverName}/{mediaId}`]: {
    answers: () => ({}),
    contentType: "text/plain",
    succeeds: (scene) => get(`${legacy}/download/s1/${scene.note}?allow_remote=false`),
    refuses: {
      "404 M_NOT_FOUND": () => [
        get(`${legacy}/download/s1/nothing?allow_remote=false`),
        get(`${legacy}/download/s3/something?allow_remote=false`),
      ],
      "404 M_UNRECOGNIZED": {
        options: { settings: { legacyEndpoints: false } },
        asks: (scene) => get(`${legacy}/download/s1/${scene.note}`),
      },
      "429 M_LIMIT_EXCEEDED": {
        options: asksTooOften,
        asks: (scene) => get(`${legacy}/download/s1/${scene.note}`),
      },
      "504 M_NOT_YET_UPLOADED": (scene) => get(`${legacy}/download/s1/${scene.announced}?timeout_ms=100`),
    },
  },
  [`GET ${legacy}/thumbnail/{serverName}/{mediaId}`]: {
    answers: () => ({}),
    contentType: "image/png",
    succeeds: (scene) => get(`${legacy}/thumbnail/s1/${scene.image}?${size}&allow_remote=false`),
    refuses: {
      "400 M_UNKNOWN": (scene) => get(`${legacy}/thumbnail/s1/${scene.note}?${size}`),
      "404 M_NOT_FOUND": () => get(`${legacy}/thumbnail/s3/something?${size}&allow_remote=false`),
      "404 M_UNRECOGNIZED": {
        options: { settings: { legacyEndpoints: false } },
        asks: (scene) => get(`${legacy}/thumbnail/s1/${scene.image}?${size}`),
      },
    },
  },
})
