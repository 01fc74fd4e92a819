import { canonicalProblem } from "../core/json/canonical.ts"
import { isJsonObject, type JsonValue } from "../core/json/value.ts"
import type { RoomVersion } from "../core/room-version.ts"
import { badJson, invalidParameter, MatrixError } from "../federation/matrix-error.ts"

/** 502: another server's answer cannot be used; its own fault, and nothing the user did wrong. */
export const badAnswer = (error: string): MatrixError =>
  new MatrixError({ status: 502, errcode: "M_UNKNOWN", error })

/** 500: the store did not keep what was to be acknowledged, so nothing is. */
export const storeFailed = (error: string): MatrixError =>
  new MatrixError({ status: 500, errcode: "M_UNKNOWN", error })

/** 400: a user asked for a room of a version that this server does not make. */
export const unsupportedRoomVersion = (error: string): MatrixError =>
  new MatrixError({ status: 400, errcode: "M_UNSUPPORTED_ROOM_VERSION", error })

/**
 * 400: an endpoint was given what is no event of the room's version: M_BAD_JSON where it is not canonical JSON and
 * must be (rooms/v6 §Canonical JSON), else M_INVALID_PARAM.
 */
export const notAnEvent = (pdu: JsonValue, version: RoomVersion, problem: string): MatrixError =>
  version.canonicalJson === "strict" && isJsonObject(pdu) && canonicalProblem(pdu) !== undefined
    ? badJson(problem)
    : invalidParameter(problem)
