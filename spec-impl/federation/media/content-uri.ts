/** `mxc://` URIs (client-server API §Matrix Content URIs, §Security considerations of the content repository). */
import { isServerName } from "../../core/identifiers.ts"

/** Where content is from, and what it is called there. */
export interface ContentUri {
  readonly serverName: string
  readonly mediaId: string
}

export const formatContentUri = ({ serverName, mediaId }: ContentUri): string =>
  `mxc://${serverName}/${mediaId}`

/** Whether it can name content: of anything else a server might make a path of its own. */
export const isMediaId = (text: string): boolean => /^[A-Za-z0-9_-]{1,255}$/.test(text)

/** Undefined for what is no such URI. */
export const parseContentUri = (uri: string): ContentUri | undefined => {
  const [, serverName, mediaId] = /^mxc:\/\/([^/]+)\/([^/]+)$/.exec(uri) ?? []
  if (serverName === undefined || mediaId === undefined) return undefined
  return isServerName(serverName) && isMediaId(mediaId) ? { serverName, mediaId } : undefined
}
