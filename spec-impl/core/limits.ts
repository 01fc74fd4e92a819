/** Every number of the specification that bounds something, once (server-server API v1.19 unless noted). */

/** A PDU as canonical JSON, signatures included (client-server API §Size limits). */
export const pduBytesMax = 65_536
/** `sender`, `room_id`, `state_key`, `type`, `event_id`, counted in bytes (client-server API §Size limits). */
export const identifierBytesMax = 255
/** Server names longer than this make user ids that no longer fit (appendices §Server Name). */
export const serverNameBytesRecommendedMax = 230
/** Room version identifiers, in code points (rooms §Room version grammar). */
export const roomVersionCodePointsMax = 32
/** §PDUs. Not enforced on what `/backfill` answers. */
export const prevEventsMax = 20
/** §PDUs. Not enforced on what `/backfill` answers. */
export const authEventsMax = 10
/** §Transactions. */
export const transactionPdusMax = 50
/** §Transactions. */
export const transactionEdusMax = 100
/** Rooms 1–5: the largest signed 64-bit integer (rooms/v1 §Event format). */
export const depthMaxLenient = 9_223_372_036_854_775_807n
/** Rooms 6+, and the largest integer of canonical JSON (rooms/v6 §Event format, appendices §Canonical JSON). */
export const canonicalIntegerMax = 9_007_199_254_740_991
/** A server's keys are trusted for at most this long after they were fetched (§Publishing Keys). */
export const keyValidityMsMax = 7 * 24 * 60 * 60 * 1000
/** `get_missing_events` without a limit (§Backfilling). */
export const missingEventsDefault = 10
/** `m.direct_to_device` message ids, in code points (§Send-to-device messaging). */
export const toDeviceMessageIdCodePointsMax = 32
/** All of a user's profile as canonical JSON, and the name of one field (client-server API §Profiles). */
export const profileBytesMax = 65_536
export const profileFieldBytesMax = 255
