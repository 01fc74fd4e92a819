/** What a user does with files, as the client-server API has it. */
import { Context, Effect } from "effect"
import type { FederationUnreachable } from "#spec-impl/federation/client.ts"
import type { MatrixError } from "#spec-impl/federation/matrix-error.ts"
import type { MediaFile } from "#spec-impl/federation/media/content-headers.ts"
import { LocalMedia } from "#spec-impl/federation/media/local-media.ts"
import { Media } from "#spec-impl/federation/media/media.ts"
import type { ThumbnailWish } from "#spec-impl/federation/media/thumbnails/thumbnail.ts"
import type { StoreFailure } from "#spec-impl/store/event-store.ts"
import type { VirtualServer } from "./world.ts"

export interface MediaActs {
  /** Uploads a file, to the place that was announced as `uri` or to one of its own; gives its `mxc://` URI. */
  readonly upload: (file: MediaFile, uri?: string) => Effect.Effect<string, MatrixError | StoreFailure>
  /** Gives the URI of a file that is to be uploaded later. */
  readonly announceUpload: () => Effect.Effect<string, MatrixError | StoreFailure>
  /** Waits for an upload for so long, or as long as servers do by default. */
  readonly download: (
    uri: string,
    timeoutMs?: number,
  ) => Effect.Effect<MediaFile, MatrixError | FederationUnreachable>
  readonly thumbnail: (
    uri: string,
    wish: ThumbnailWish,
  ) => Effect.Effect<MediaFile, MatrixError | FederationUnreachable>
}

/** The acts of that user of the server with those services. */
export const mediaActs = (services: VirtualServer["services"], userId: string): MediaActs => ({
  upload: (file, uri) => Context.get(services, LocalMedia).upload(userId, file, uri),
  announceUpload: () => Effect.map(Context.get(services, LocalMedia).create(userId), ({ uri }) => uri),
  download: (uri, timeoutMs) => Context.get(services, Media).download(uri, timeoutMs),
  thumbnail: (uri, wish) => Context.get(services, Media).thumbnail(uri, wish),
})
