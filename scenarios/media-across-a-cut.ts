import { Context, Effect, Fiber } from "effect"
import type { Scenario } from "#sim/world/scenario.ts"
import type { Actor, Stage } from "#sim/world/stage.ts"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { isJsonObject } from "#spec-impl/core/json/value.ts"
import type { MediaFile } from "#spec-impl/federation/media/content-headers.ts"
import { Media } from "#spec-impl/federation/media/media.ts"
import { encodePng } from "#spec-impl/federation/media/thumbnails/png.ts"
import { codeOf, isKnownToAll, levelsWith, notesAre, oldVersions, refusalOf } from "./story-parts.ts"

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

/** Tells the lobby of a file, and writes down by what one can tell that it is the same everywhere. */
const show = (stage: Stage, actor: Actor, lobby: string, { filename = "", bytes }: MediaFile, url: string) =>
  Effect.andThen(
    actor.say(lobby, `${filename}: ${url}`),
    stage.note(filename, { url, sha256: encodeBase64(sha256(bytes)) }),
  )

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
    server === "s2" ? { roomVersions: oldVersions } : server === "s3" ? { authenticatedMedia: false } : {},
  story: Effect.fnUntraced(function* (stage) {
    const alice = stage.user("@alice:s1")
    const bob = stage.user("@bob:s2")
    const carol = stage.user("@carol:s3")

    const powerLevels = levelsWith(stage, "@alice:s1", { "@carol:s3": 50 })
    const gallery = yield* alice.createRoom({ powerLevels })
    const lobby = yield* alice.createRoom({ roomVersion: "10" })
    for (const guest of [bob, carol]) yield* guest.join(lobby, "s1")
    yield* carol.join(gallery, "s1")
    yield* stage.tell(
      "Alice (s1) opens a gallery and a lobby; Carol (s3, an old server) comes to both, and Bob (s2) to the lobby.",
    )
    if (isKnownToAll(stage.roomVersion)) yield* bob.join(gallery, "s1")
    else yield* stage.tell(`Bob cannot come to the gallery: ${yield* refusalOf(bob.join(gallery, "s1"))}.`)

    const picture = sunset()
    const sunsetUri = yield* alice.upload(picture)
    yield* alice.setState(gallery, "m.room.avatar", { url: sunsetUri })
    yield* show(stage, alice, lobby, picture, sunsetUri)
    const posterUri = yield* carol.upload(poster)
    yield* show(stage, carol, lobby, poster, posterUri)
    yield* stage.quiet
    const small = { width: 32, height: 32, method: "crop", animated: false } as const
    const thumbnail = yield* bob.thumbnail(sunsetUri, small)
    yield* stage.note(
      "thumbnails are equal",
      Buffer.from(thumbnail.bytes).equals((yield* carol.thumbnail(sunsetUri, small)).bytes),
    )
    yield* carol.download(sunsetUri)
    yield* bob.download(posterUri)
    yield* stage.tell(
      `Alice shows a sunset of ${picture.bytes.length} bytes, and Bob sees a thumbnail of ${thumbnail.bytes.length}.`,
    )
    yield* stage.tell(
      "Carol's server asks for it by the old endpoint; Bob's asks Carol's for her poster by the new one, then by the old.",
    )

    const wavesUri = yield* alice.announceUpload()
    yield* show(stage, alice, lobby, waves, wavesUri)
    const slidesUri = yield* alice.announceUpload()
    yield* show(stage, alice, lobby, slides, slidesUri)
    yield* stage.quiet
    const listening = yield* Effect.forkChild(bob.download(wavesUri))
    const reading = yield* Effect.forkChild(refusalOf(carol.download(slidesUri, 5_000)))
    yield* stage.wait(9_000)
    yield* alice.upload(waves, wavesUri)
    const heard = yield* Fiber.join(listening)
    const tooLate = yield* Fiber.join(reading)
    yield* stage.note("slides, before they come", codeOf(tooLate))
    yield* stage.tell(
      `Alice announces waves and slides. Bob's server waits for the waves, and after 9 s has all ${heard.bytes.length} bytes. ` +
        `Carol's waits 5 s for the slides, in vain: ${codeOf(tooLate)}.`,
    )

    const speechUri = yield* alice.announceUpload()
    yield* show(stage, alice, lobby, speech, speechUri)
    yield* stage.quiet
    const cutOff = yield* Effect.forkChild(refusalOf(bob.download(speechUri)))
    yield* stage.wait(2_000)
    yield* stage.partition(["s1"], ["s2", "s3"])
    yield* alice.upload(speech, speechUri)
    yield* alice.upload(slides, slidesUri)
    yield* alice.setState(gallery, "m.room.topic", { topic: "the speech is there" })
    yield* carol.setState(gallery, "m.room.topic", { topic: "there is no speech" })
    const unheard = yield* Fiber.join(cutOff)
    const unseen = yield* refusalOf(bob.download(sunsetUri))
    const kept = yield* carol.download(sunsetUri)
    yield* stage.note("speech, behind the cut", unheard)
    yield* stage.note("sunset, where it was not kept", unseen)
    yield* stage.note("sunset, where it was kept", kept.bytes.length === picture.bytes.length)
    yield* stage.tell(
      "s1 is cut off while Bob's server waits for Alice's speech, and the wait times out. Carol still sees the " +
        "sunset, for her server has kept it; Bob's has its thumbnail alone.",
    )

    yield* stage.heal
    yield* stage.quiet
    for (const visitor of [alice, bob, carol]) {
      for (const uri of [sunsetUri, posterUri, wavesUri, slidesUri, speechUri]) yield* visitor.download(uri)
    }
    yield* stage.tell("The link heals, and everybody fetches what is still missing.")
    return [gallery, lobby]
  }),
  wanted: (view) => {
    const media = Context.get(view.services, Media)
    const isSame = exhibits.every((name) => {
      const shown = view.noted(name)
      return isJsonObject(shown) && media.digestOf(String(shown.url)) === shown.sha256
    })
    return (
      isSame &&
      notesAre(view, {
        "thumbnails are equal": true,
        "slides, before they come": "504 M_NOT_YET_UPLOADED",
        "speech, behind the cut": "s1: timed-out",
        "sunset, where it was not kept": "s1: unreachable",
        "sunset, where it was kept": true,
      })
    )
  },
}
