/**
 * Lines of the checklist, and endpoints, EDUs and behaviours beyond it, that have no row yet: emptied as their
 * chapters come in.
 */
export const awaitedLines: readonly string[] = [
  "3",
  "3.1",
  "3.1.1",
  "4.3",
  "12",
  "12.1",
  "12.2",
  "13",
  "13.1",
  "13.2",
  "13.3",
  "24",
  "GET /.well-known/matrix/server",
  "GET /_matrix/federation/v1/make_knock/{roomId}/{userId}",
  "GET /_matrix/federation/v1/make_leave/{roomId}/{userId}",
  "GET /_matrix/federation/v1/media/download/{mediaId}",
  "GET /_matrix/federation/v1/media/thumbnail/{mediaId}",
  "GET /_matrix/media/v3/download/{serverName}/{mediaId}",
  "GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}",
  "PUT /_matrix/federation/v1/invite/{roomId}/{eventId}",
  "PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}",
  "PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}",
  "PUT /_matrix/federation/v2/invite/{roomId}/{eventId}",
  "PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}",
  "_matrix-fed",
  "stripped state",
]
