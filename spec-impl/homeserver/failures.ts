import { MatrixError } from "../federation/matrix-error.ts"

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
 * What a user is told of the refusal of an invite or a join by another server (§PUT …/invite, §PUT …/send_join): that
 * the request was malformed is no fault of the user's, who sent none, and becomes a 502; the rest is passed through.
 */
export const asClientSees = <E extends { readonly _tag: string }>(error: E): E | MatrixError =>
  error instanceof MatrixError && (error.errcode === "M_MISSING_PARAM" || error.errcode === "M_INVALID_PARAM")
    ? badAnswer(`the other server found the request faulty: ${error.error}`)
    : error

/** Whether a server has not said whether it has what it was asked for. */
export const isNoAnswer = (failure: { readonly _tag: string }): boolean =>
  failure instanceof MatrixError ? failure.status >= 500 : failure._tag === "FederationUnreachable"
