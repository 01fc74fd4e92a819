/** Flags that several commands have. */
import { Option } from "effect"
import { Flag } from "effect/cli"
import { roomVersions } from "#spec-impl/core/room-version.ts"
import { parseSeeds } from "./sweep/seed-ranges.ts"

const parseInteger = (word: string, min: number): Option.Option<number> => {
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  return Number.isSafeInteger(value) && value >= min ? Option.some(value) : Option.none()
}

/** A flag whose value is a whole number, at least `min`. */
export const integerFlag = (name: string, min: number) =>
  Flag.String(name).pipe(
    Flag.withMetavar("N"),
    Flag.filterMap(
      (word) => parseInteger(word, min),
      () => `a whole number from ${min} to 2^53 − 1`,
    ),
  )

const knownVersions = roomVersions.map(({ id }) => id)

const parseRoomVersions = (list: string): Option.Option<readonly string[]> => {
  const ids = [...new Set(list.split(","))]
  return ids.every((id) => knownVersions.includes(id)) ? Option.some(ids) : Option.none()
}

/** `--room-version V,V…`, all of which must be known. */
export const roomVersionFlag = (description: string) =>
  Flag.String("room-version").pipe(
    Flag.withMetavar("V,V…"),
    Flag.withDescription(description),
    Flag.filterMap(
      parseRoomVersions,
      () => `room versions from ${knownVersions[0]} to ${knownVersions.at(-1)}, with commas between them`,
    ),
    Flag.optional,
  )

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

const parseDurationMs = (word: string): Option.Option<number> => {
  const [, digits, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(word) ?? []
  return digits === undefined ? Option.none() : Option.some(Number(digits) * unitsMs[unit]!)
}

/** A length of wall time, in milliseconds. */
export const durationFlag = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("D"),
    Flag.filterMap(parseDurationMs, () => "a time such as 90s, 5m or 1h"),
  )

/** `--seeds A..B`, both included; several with commas between them. */
export const seedsFlag = Flag.String("seeds").pipe(
  Flag.withMetavar("A..B"),
  Flag.withDescription("The seeds, from A to B, both included; 7,9,20..90 are several such"),
  Flag.filterMap(
    (words) => Option.fromNullishOr(parseSeeds(words)),
    () => "seeds such as 1..1000",
  ),
)

const parseDatabase = (word: string): Option.Option<URL> => {
  const url = URL.parse(word)
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.username !== ""
    ? Option.some(url)
    : Option.none()
}

/** `--cluster postgres://…` */
export const clusterFlag = Flag.String("cluster").pipe(
  Flag.withMetavar("URL"),
  Flag.withDescription(
    "The PostgreSQL database over which sweeps and workers meet; PGPASSWORD is taken where it has no password",
  ),
  Flag.filterMap(parseDatabase, () => "a database such as postgres://user@host/name"),
)
