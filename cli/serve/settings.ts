/** The settings and readings of a homeserver, as the file of `netsplit serve` may have them. */

import { suggestName } from "#sim/explore/nearest-name.ts"
import { type HomeserverSettings, homeserverSettingsDefault } from "#spec-impl/homeserver/settings.ts"
import { UsageError } from "../outcome.ts"
import { parseReadings } from "../resolve/parse-readings.ts"

const kindOf = (value: unknown): string =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? "list of strings" : typeof value

/** The settings that are data, each with the kind of its value; two have no default that would show it. */
const kinds: ReadonlyMap<string, string> = new Map(
  [
    ...Object.entries(homeserverSettingsDefault)
      .map(([name, value]): [string, string] => [name, kindOf(value)])
      .filter(([, kind]) => ["number", "string", "boolean", "list of strings"].includes(kind)),
    ["delegatedTo", "string"],
    ["mediaRedirectUrl", "string"],
    // It has a flag of its own.
  ].filter(([name]) => name !== "enableRegistration") as [string, string][],
)

type Given = Readonly<Record<string, unknown>>

const wrong = (message: string): UsageError => new UsageError({ message })

/** Throws `UsageError` where there is no such setting or reading, or its value is of another kind. */
export const readSettings = (settings: Given, readings: Given): Partial<HomeserverSettings> => {
  for (const [name, value] of Object.entries(settings)) {
    const kind = kinds.get(name)
    if (kind === undefined) {
      throw wrong(`there is no setting "${name}"; ${suggestName(name, [...kinds.keys()])}`)
    }
    if (kindOf(value) !== kind || (typeof value === "number" && value < 0)) {
      throw wrong(`the setting "${name}" wants a ${kind}, not ${JSON.stringify(value)}`)
    }
  }
  try {
    return {
      ...settings,
      readings: parseReadings(Object.entries(readings).map(([name, value]) => `${name}=${value}`)),
    }
  } catch (error) {
    throw wrong((error as Error).message)
  }
}
