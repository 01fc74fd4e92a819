import { Context, Effect, Fiber } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor } from "#sim/world/stage.ts"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import type { MediaFile } from "#spec-impl/federation/media/content-headers.ts"
import { Media } from "#spec-impl/federation/media/media.ts"
import { encodePng } from "#spec-impl/federation/media/thumbnails/png.ts"
import { knowsRoomsUpTo10, named, refusalOf, roomNamed } from "./story-parts.ts"

const exhibit = "org.netsplit.exhibit"
const exhibits = ["sunset.png", "poster.txt", "waves.ogg", "slides.pdf", "speech.ogg"]

const sunset = (): MediaFile => {
  const [width, height] = [160, 120]
  const rgba = new Uint8Array(width * height * 4)
  for (let at = 0; at < rgba.length; at += 4) {
    const row = Math.floor(at / 4 / width)
    rgba.set([255 - row, 160 - row, 60 + row, 255], at)
  }
  return { contentType: "image/png", filename: "sunset.png", bytes: encodePng({ width, height, rgba }) }
}

const file = (filename: string, contentType: string, length: number): MediaFile => ({
  contentType,
  filename,
  bytes: Uint8Array.from({ length }, (_, at) => (at * 31 + length) % 251),
})

const poster = file("poster.txt", "text/plain", 2_000)
const waves = file("waves.ogg", "audio/ogg", 30_000)
const slides = file("slides.pdf", "application/pdf", 9_000)
const speech = file("speech.ogg", "audio/ogg", 20_000)

/** Shows it in the lobby: where it is to be had, and by what one can tell that it is the same everywhere. */
const show = (actor: Actor, lobby: string, { filename = "", bytes }: MediaFile, url: string) =>
  actor.setState(lobby, exhibit, { url, sha256: encodeBase64(sha256(bytes)) }, filename)

/** Pictures, and files that are announced before they are there, while servers lose each other. */
export const mediaAcrossACut: Scenario = {
  name: "media-across-a-cut",
  title: "Media across a cut",
  about:
    "Three servers show each other files: one of today, one that knows no room version after 10, and one from " +
    "before authenticated media, which is asked, and asks, by the old endpoints. One file is announced and comes " +
    "while another server waits for it, one does not come in time, and one comes while the network is cut in the " +
    "middle of its download. In the end all have the same bytes of all files.",
  serversDefault: 3,
  roomVersionsDefault: ["10", "12"],
  expected: () => ({ agree: "yes", wanted: "yes", live: "yes" }),
  settingsOf: (server) =>
    server === "s2" ? knowsRoomsUpTo10 : server === "s3" ? { authenticatedMedia: false } : {},
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")

    const gallery = yield* alice.createRoom({ initialState: [named("Gallery")] })
    const powerLevels = { users: { [alice.userId]: 100 }, state_default: 0 }
    const lobby = yield* alice.createRoom({ roomVersion: "10", powerLevels, initialState: [named("Lobby")] })
    yield* carol.join(gallery, "s1")
    const refusal = yield* refusalOf(bob.join(gallery, "s1"))
    for (const guest of [bob, carol]) yield* guest.join(lobby, "s1")
    yield* stage.quiet
    yield* stage.tell(
      refusal === undefined
        ? "Alice (s1) opens a gallery and a lobby; Bob (s2) and Carol (s3, an old server) come to both."
        : `Alice (s1) opens a gallery and a lobby; Carol (s3, an old server) comes to both, Bob (s2) to the lobby alone: ${refusal}.`,
    )

    const picture = sunset()
    const sunsetUri = yield* alice.upload(picture)
    yield* alice.setState(gallery, "m.room.avatar", { url: sunsetUri })
    yield* show(alice, lobby, picture, sunsetUri)
    const posterUri = yield* carol.upload(poster)
    yield* show(carol, lobby, poster, posterUri)
    yield* stage.quiet
    const small = { width: 32, height: 32, method: "crop", animated: false } as const
    const thumbnail = yield* bob.thumbnail(sunsetUri, small)
    yield* carol.thumbnail(sunsetUri, small)
    yield* carol.download(sunsetUri)
    yield* bob.download(posterUri)
    yield* stage.tell(
      `Alice shows a sunset of ${picture.bytes.length} bytes, of which Bob sees a thumbnail of ${thumbnail.bytes.length}; ` +
        "Carol's server asks for it by the old endpoint, and Bob's asks Carol's by the new one first, then by the old.",
    )

    const wavesUri = yield* alice.announceUpload
    yield* show(alice, lobby, waves, wavesUri)
    const slidesUri = yield* alice.announceUpload
    yield* show(alice, lobby, slides, slidesUri)
    yield* stage.quiet
    const listening = yield* Effect.forkChild(bob.download(wavesUri))
    const reading = yield* Effect.forkChild(refusalOf(carol.download(slidesUri, 5_000)))
    yield* stage.wait(9_000)
    yield* alice.upload(waves, wavesUri)
    const heard = yield* Fiber.join(listening)
    yield* stage.tell(
      `Alice announces waves and slides. Bob's server waits for the waves, which come after 9 s: ${heard.bytes.length} bytes. ` +
        `Carol's gives the slides 5 s, in vain: ${yield* Fiber.join(reading)}.`,
    )

    const speechUri = yield* alice.announceUpload
    yield* show(alice, lobby, speech, speechUri)
    yield* stage.quiet
    const cutOff = yield* Effect.forkChild(refusalOf(bob.download(speechUri)))
    yield* stage.wait(2_000)
    yield* stage.partition(["s1"], ["s2", "s3"])
    yield* alice.upload(speech, speechUri)
    yield* alice.upload(slides, slidesUri)
    yield* bob.say(lobby, "I hear nothing")
    const missing = yield* refusalOf(bob.download(sunsetUri))
    const kept = yield* carol.download(sunsetUri)
    yield* stage.tell(
      `s1 is cut off while Bob waits for Alice's speech: ${yield* Fiber.join(cutOff)}. The sunset is ` +
        `${kept.bytes.length} bytes on Carol's server, which kept it, and ${missing} for Bob, who has the thumbnail alone.`,
    )

    yield* stage.heal
    yield* alice.say(lobby, "the speech and the slides are there now")
    yield* stage.quiet
    for (const visitor of [alice, bob, carol]) {
      for (const uri of [sunsetUri, posterUri, wavesUri, slidesUri, speechUri]) yield* visitor.download(uri)
    }
    yield* stage.tell("The links heal, and everybody fetches what is still missing.")
    return [gallery, lobby]
  }),
  wanted: (view) => {
    const lobby = roomNamed(view, "Lobby")
    const media = Context.get(view.services, Media)
    return exhibits.every((name) => {
      const shown = lobby && view.state(exhibit, name, lobby.roomId)?.content
      return typeof shown?.url === "string" && media.digestOf(shown.url) === shown.sha256
    })
  },
}
