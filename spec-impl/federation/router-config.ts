/** How paths are matched: exactly as the specification writes them. */
export const routerConfig = {
  caseSensitive: true,
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  /** Ids of rooms, events and users have at most 255 bytes; what is much longer is none. */
  maxParamLength: 1_024,
}
