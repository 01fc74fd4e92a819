/** The settings of a homeserver, as the configuration of `netsplit serve` may have them. */
import { Effect } from "effect"
import { isJsonObject, type JsonValue } from "#spec-impl/core/json/value.ts"
import { type Readings, readingDefinitions, readingsDefault } from "#spec-impl/core/readings.ts"
import { type HomeserverSettings, homeserverSettingsDefault } from "#spec-impl/homeserver/settings.ts"
import { suggestName } from "../nearest-name.ts"
import { UsageError } from "../outcome.ts"

const refuse = (message: string) => new UsageError({ message })

/** What has no default that says what it is. */
const texts: readonly (keyof HomeserverSettings)[] = ["delegatedTo", "mediaRedirectUrl"]

const kindOf = (value: unknown): string =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? "list of strings" : typeof value

/** The settings that are data: numbers, words, switches and lists of words. */
const kinds: ReadonlyMap<string, string> = new Map([
  ...texts.map((name): [string, string] => [name, "string"]),
  ...Object.entries(homeserverSettingsDefault)
    .filter(([name]) => name !== "roomVersions" && name !== "readings")
    .map(([name, value]): [string, string] => [name, kindOf(value)])
    .filter(([, kind]) => ["number", "string", "boolean", "list of strings"].includes(kind)),
])

/**
 * The settings that `settings` and `readings` say otherwise than the defaults. Fails with one line where there is no
 * such setting or reading, or the value is of another kind.
 */
export const readSettings = Effect.fnUntraced(function* (
  settings: JsonValue,
  readings: JsonValue,
): Effect.fn.Return<Partial<HomeserverSettings>, UsageError> {
  for (const [name, value] of isJsonObject(settings) ? Object.entries(settings) : []) {
    const kind = kinds.get(name)
    if (kind === undefined)
      return yield* refuse(`unknown setting "${name}"; ${suggestName(name, [...kinds.keys()])}`)
    const isRight = kindOf(value) === kind && !(typeof value === "number" && value < 0)
    if (!isRight) return yield* refuse(`the setting "${name}" wants a ${kind}, not ${JSON.stringify(value)}`)
  }
  const chosen: Record<string, unknown> = {}
  for (const [name, value] of isJsonObject(readings) ? Object.entries(readings) : []) {
    const definition = readingDefinitions.find((one) => one.name === name)
    if (definition === undefined) {
      const names = readingDefinitions.map((one) => one.name)
      return yield* refuse(`unknown reading "${name}"; ${suggestName(name, names)}`)
    }
    chosen[definition.field] = value
  }
  const told = { ...readingsDefault, ...chosen } as Readings
  return {
    ...(settings as Partial<HomeserverSettings>),
    ...(Object.keys(chosen).length === 0 ? {} : { readings: told }),
  }
})
