/** The user's checklist, chapter 24, and what the list of endpoints has beyond it. */
import { endpoint, type Part } from "./row.ts"

const media = "spec-impl/federation/media"
const receive = `${media}/receive.ts`
const deprecated = "client-server API §Content repository (deprecated in v1.11)"
const tests = "sim/world/media.test.ts"
const multipart = `${media}/multipart.test.ts > a multipart answer`
const thumbnails = `${media}/thumbnails/thumbnail.test.ts`

export const mediaPart: Part = {
  title: "Content repository",
  rows: [
    {
      id: "24",
      title: "Content Repository",
      section: "§Content Repository: media is had from the server that its URI names",
      handler: `${media}/media.ts`,
      test: `${tests} > a download > gives the same file to every server that asks, and asks once (http)`,
      removal: { file: `${media}/media.ts`, from: "yield* cache.keep(key, file)", to: "" },
    },
    endpoint("#34", "GET /_matrix/federation/v1/media/download/{mediaId}", "§Content Repository", receive),
    endpoint("#35", "GET /_matrix/federation/v1/media/thumbnail/{mediaId}", "§Content Repository", receive),
    {
      id: "media in two parts",
      title: "multipart/mixed of exactly two parts",
      section: '§Content Repository: "exactly two parts"',
      handler: `${media}/multipart.ts`,
      test: `${multipart} > of another form is refused`,
      removal: { file: `${media}/multipart.ts`, from: " || more.length > 0", to: "" },
    },
    {
      id: "media elsewhere",
      title: "A Location in place of the bytes is followed without a signature",
      section: "§Content Repository",
      handler: `${media}/remote-media.ts`,
      test: `${tests} > media that is to be had elsewhere > is fetched from there by a plain request (http)`,
      removal: {
        file: `${media}/remote-media.ts`,
        from: `part.kind === "file" ? part.file : yield* follow(part.location)`,
        to: `part.kind === "file" ? part.file : undefined`,
      },
    },
    {
      id: "asynchronous uploads",
      title: "A download waits for an upload that was announced, then 504 M_NOT_YET_UPLOADED",
      section: "§Content Repository: timeout_ms; client-server API §Content repository",
      handler: `${media}/local-media.ts`,
      test: `${tests} > an upload > that comes in time is what a download has waited for; one that does not is 504 (http)`,
      removal: {
        file: `${media}/local-media.ts`,
        from: "yield* untilArrival(mediaId, waitMsOf(timeoutMs, settings.mediaTimeoutMsMax))",
        to: "",
      },
    },
    {
      id: "media rate limit",
      title: "429 M_LIMIT_EXCEEDED",
      section: "§Content Repository; client-server API §Rate limiting",
      handler: receive,
      test: `${tests} > a download > asked too often is 429 with the time to wait, which the user is told (http)`,
      removal: {
        file: receive,
        from: "yield* takeTurn(turns, yield* Origin)",
        to: "yield* Origin",
      },
    },
    {
      id: "thumbnail sizes",
      title: "A thumbnail is never larger than the original, nor smaller than asked",
      section: "client-server API §Thumbnails",
      handler: `${media}/thumbnails/thumbnail.ts`,
      test: `${thumbnails} > the size > is never less than asked, with the aspect kept or that of the wish, and never more than the original`,
      removal: {
        file: `${media}/thumbnails/thumbnail.ts`,
        from: "if (wish.width > width || wish.height > height) return undefined",
        to: "",
      },
    },
    {
      id: "thumbnail animation",
      title: "animated=false MUST NOT animate",
      section: "§Content Repository",
      handler: `${media}/thumbnails/thumbnail.ts`,
      test: `${thumbnails} > an animated PNG > stands still, unless it is small and may move`,
      removal: {
        file: `${media}/thumbnails/thumbnail.ts`,
        from: "(wish.animated || !source.isAnimated)",
        to: "(wish.animated || source !== undefined)",
      },
    },
    {
      id: "unauthenticated media fallback",
      title: "The deprecated media endpoints are asked after 404 M_UNRECOGNIZED",
      section: "§Content Repository",
      handler: `${media}/remote-media.ts`,
      test: `${tests} > the endpoints of before v1.11 > are asked after 404 M_UNRECOGNIZED alone, never for media of others (http)`,
      removal: {
        file: `${media}/remote-media.ts`,
        from: `error.errcode === "M_UNRECOGNIZED"`,
        to: `error.errcode === ""`,
      },
    },
    {
      id: "unauthenticated media fallback, allow_remote",
      title: "… with allow_remote=false, after which media of other servers is not fetched",
      section: '§Content Repository: "MUST be sure to set allow_remote to false"',
      handler: receive,
      test: `${tests} > the endpoints of before v1.11 > give media of other servers only where that is not forbidden, and 404 for what is none`,
      removal: {
        file: receive,
        from: "serverName && !isRemoteAllowed",
        to: "serverName && !settings",
      },
    },
    endpoint(
      "unauthenticated media download",
      "GET /_matrix/media/v3/download/{serverName}/{mediaId}",
      deprecated,
      receive,
    ),
    endpoint(
      "unauthenticated media thumbnail",
      "GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}",
      deprecated,
      receive,
    ),
    {
      id: "media freeze",
      title: "What came after the freeze is given to signed requests alone",
      section: "client-server API §Content repository, Client behaviour",
      handler: receive,
      test: `${tests} > the endpoints of before v1.11 > are gone where they are switched off, and keep back what came after the freeze`,
      removal: { file: receive, from: "sinceTs < settings.mediaFreezeTs", to: "sinceTs > 0" },
    },
    {
      id: "inline content",
      title: "What a browser may show, and what it is to save",
      section: "client-server API §Serving inline content",
      handler: `${media}/content-headers.ts`,
      test: `${media}/multipart.test.ts > Content-Disposition > is inline for what cannot harm, attachment for all else`,
      removal: {
        file: `${media}/content-headers.ts`,
        from: "inlineTypes.has(plainType(contentType))",
        to: "plainType(contentType)",
      },
    },
  ],
}
