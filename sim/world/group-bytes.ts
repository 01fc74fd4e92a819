import { encodeBase64 } from "#spec-impl/core/base64.ts"
import { sha256 } from "#spec-impl/core/hash.ts"
import { canonicalJsonBytes } from "#spec-impl/core/json/encode.ts"
import { JsonFloat, type JsonValue } from "#spec-impl/core/json/value.ts"
import type { StoreGroup } from "#spec-impl/store/event-store.ts"

/** A group as bytes, for the trace and for draws: it is JSON but for bytes, and for what is undefined in it, which says nothing; PDUs are JSON throughout, and of any depth. */
export const groupBytes = (group: StoreGroup): Uint8Array => canonicalJsonBytes(withoutUndefined(group))

const withoutUndefined = (value: unknown): JsonValue =>
  value instanceof Uint8Array
    ? encodeBase64(sha256(value))
    : typeof value !== "object" || value === null || value instanceof JsonFloat
      ? (value as JsonValue)
      : Array.isArray(value)
        ? value.map(withoutUndefined)
        : Object.fromEntries(
            Object.entries(value).flatMap(([key, child]) =>
              child === undefined ? [] : [[key, key === "pdu" ? child : withoutUndefined(child)]],
            ),
          )
