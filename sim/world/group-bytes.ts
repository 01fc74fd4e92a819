import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { JsonFloat, type JsonValue, newObject } from "#spec-impl/core/json/value.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"

/** A group as bytes, for the trace and for draws: it is JSON but for bytes, and for what is undefined in it, which says nothing; PDUs are JSON throughout, and of any depth. */
export const groupBytes = (group: StoreGroup): Uint8Array => canonicalJsonBytes(withoutUndefined(group))

const withoutUndefined = (value: unknown): JsonValue => {
  if (typeof value !== "object" || value === null || value instanceof JsonFloat) return value as JsonValue
  if (value instanceof Uint8Array) return encodeBase64(sha256(value))
  if (Array.isArray(value)) return value.map(withoutUndefined)
  const object = newObject<JsonValue>()
  for (const key of Object.keys(value)) {
    const child = (value as Readonly<Record<string, unknown>>)[key]
    if (child !== undefined) object[key] = key === "pdu" ? (child as JsonValue) : withoutUndefined(child)
  }
  return object
}
