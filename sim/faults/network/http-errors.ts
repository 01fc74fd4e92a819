/** Answers by which a server, or a proxy before it, says that it will not, or cannot. */
import { Schema } from "effect"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import type { WireResponse } from "#spec-impl/federation/wire.ts"
import { drawLinks, drawMs, drawShare } from "../draws.ts"
import { defineFault } from "../fault.ts"
import { Milliseconds, optional, requestFields, shareOf, withDefault } from "../fields.ts"
import { striking } from "../strikes.ts"

/** As servers say it (client-server API §Standard error response); proxies speak HTML. */
const errcodes: Readonly<Record<number, string>> = {
  400: "M_UNKNOWN",
  401: "M_UNAUTHORIZED",
  403: "M_FORBIDDEN",
  404: "M_NOT_FOUND",
  405: "M_UNRECOGNIZED",
  429: "M_LIMIT_EXCEEDED",
  500: "M_UNKNOWN",
}

const page = (status: number): WireResponse => ({
  status,
  headers: { "content-type": "text/html" },
  body: new TextEncoder().encode(`<html><head><title>${status}</title></head><body>nginx</body></html>`),
})

/** An answer with that status, as a server or a proxy gives it. */
export const errorAnswer = (status: number, errcode?: string, retryAfterMs?: number): WireResponse => {
  const code = errcode ?? errcodes[status]
  if (code === undefined) return page(status)
  const json: JsonObject = {
    errcode: code,
    error: `a fault says ${status}`,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
  }
  return {
    status,
    headers: {
      "content-type": "application/json",
      ...(retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterMs / 1_000)) }),
    },
    body: canonicalJsonBytes(json),
  }
}

const statuses = [404, 429, 500, 502] as const
const endpointsDrawn = [
  "send",
  "state_ids",
  "state",
  "event",
  "event_auth",
  "get_missing_events",
  "backfill",
  "send_join",
  "make_join",
  "invite",
  "server",
  "user/devices",
] as const

export const httpError = defineFault({
  name: "http-error",
  family: "network",
  standsFor:
    "a server that is overloaded (429), broken (500), behind a proxy that does not reach it (502), or does not know " +
    "what it should (404)",
  fields: {
    ...requestFields,
    share: shareOf(0.3),
    status: withDefault(
      Schema.Int.check(Schema.isBetween({ minimum: 400, maximum: 599 })),
      500,
      "the status of the answer",
    ),
    errcode: optional(
      Schema.String,
      "what servers say with that status; HTML with 502",
      "the Matrix error code",
    ),
    retryAfterMs: optional(Milliseconds, "nothing", "when the caller is asked to come again"),
    afterEffect: withDefault(
      Schema.Boolean,
      false,
      "whether the server has done what it was asked, and only its answer is another",
    ),
  },
  draw: (draws, servers) => {
    const status = draws.pick(statuses, "status")
    return {
      fault: "http-error",
      ...drawLinks(draws, servers),
      ...(draws.chance(0.6, "endpoints") ? { endpoints: [draws.pick(endpointsDrawn, "endpoint")] } : {}),
      share: drawShare(draws, 0.1, 1),
      status,
      ...(status === 429 ? { retryAfterMs: drawMs(draws, 100, 60_000) } : {}),
      afterEffect: draws.chance(0.3, "after-effect"),
    }
  },
  apply: (world, fault) => {
    const answer = errorAnswer(fault.status, fault.errcode, fault.retryAfterMs)
    return world.network.disturb(
      striking(world, fault, () => (fault.afterEffect ? { alterReply: () => answer } : { reply: answer })),
    )
  },
})
