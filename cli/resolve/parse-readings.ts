import {
  type ReadingDefinition,
  type Readings,
  readingDefinitions,
  readingsDefault,
} from "#spec-impl/core/readings.ts"

/** A reading chosen on the command line, or one line that says what is wrong with it. */
export type ParsedReading = { readonly readings: Partial<Readings> } | { readonly problem: string }

/**
 * Reads `NAME=VALUE`. The value is one of the reading's own, or an implementation whose habit is recorded:
 * `no-join-rules=reject` and `no-join-rules=ruma` mean the same.
 */
export const parseReading = (text: string): ParsedReading => {
  const equals = text.indexOf("=")
  const name = equals < 0 ? text : text.slice(0, equals)
  const definition = readingDefinitions.find((known) => known.name === name)
  if (definition === undefined) {
    const names = readingDefinitions.map((known) => known.name).join(", ")
    return { problem: `unknown reading "${name}"; known are ${names}` }
  }
  const takenBy: Readonly<Record<string, string | undefined>> = definition.takenBy
  const value = equals < 0 ? "" : text.slice(equals + 1)
  const chosen = Object.hasOwn(definition.values, value)
    ? value
    : Object.hasOwn(takenBy, value)
      ? takenBy[value]
      : undefined
  return chosen === undefined
    ? { problem: `reading ${name} takes ${choicesOf(definition)}, not "${value}"` }
    : { readings: { [definition.field]: chosen } }
}

const choicesOf = (definition: ReadingDefinition): string => {
  const values = Object.keys(definition.values).join(" or ")
  return `${values} (or ${Object.keys(definition.takenBy).join(", ")}, as they have it)`
}

/** The laboratory's defaults with those readings in place; later ones win. Throws an Error of one line. */
export const parseReadings = (texts: readonly string[]): Readings => {
  let readings = readingsDefault
  for (const text of texts) {
    const parsed = parseReading(text)
    if ("problem" in parsed) throw new Error(parsed.problem)
    readings = { ...readings, ...parsed.readings }
  }
  return readings
}
