/** The twenty places where real servers part from the text or from each other: tests, and switches. */
import type { Divergence } from "./row.ts"

export const divergences: readonly Divergence[] = []
