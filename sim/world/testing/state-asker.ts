import { readingsDefault } from "#spec-impl/core/readings.ts"

/** For tests: the settings of a server that asks for the state in a gap at once, and takes it. */
export const stateAsker = {
  missingEventsLimit: 0,
  readings: { ...readingsDefault, unfillableGap: "accept" },
} as const
