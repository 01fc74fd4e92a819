import { type ReadingDefinition, type Readings, readingDefinitions } from "#spec-impl/core/readings.ts"

/** A reading chosen on the command line, or a line that says what is wrong with it. */
export type ParsedReading = { readonly readings: Partial<Readings> } | { readonly problem: string }

/**
 * Reads `NAME=VALUE`: the value is one of the reading's own, or an implementation whose habit is recorded
 * (`no-join-rules=reject` and `no-join-rules=ruma` mean the same).
 */
export const parseReading = (text: string): ParsedReading => {
  const [name, value] = text.split("=", 2)
  const definition = readingDefinitions.find((known) => known.name === name)
  if (definition === undefined) {
    const names = readingDefinitions.map((known) => known.name).join(", ")
    return { problem: `there is no reading ${name}; there are: ${names}` }
  }
  const chosen = valueOf(definition, value ?? "")
  return chosen === undefined
    ? { problem: `reading ${name} takes ${choices(definition).join(", ")}, not ${value ?? "nothing"}` }
    : { readings: { [definition.field]: chosen } }
}

const valueOf = (definition: ReadingDefinition, value: string): string | undefined => {
  if (Object.hasOwn(definition.values, value)) return value
  const takenBy: Readonly<Record<string, string | undefined>> = definition.takenBy
  return Object.hasOwn(takenBy, value) ? takenBy[value] : undefined
}

const choices = (definition: ReadingDefinition): readonly string[] => [
  ...Object.keys(definition.values),
  ...Object.keys(definition.takenBy),
]
