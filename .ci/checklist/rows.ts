/** All rows of the protocol's checklist, in the order in which they are shown. */
import type { Part, Row } from "./row.ts"
import { eduPart } from "./rows-edus.ts"
import { eventParts } from "./rows-events.ts"
import { groundParts } from "./rows-ground.ts"
import { queryPart } from "./rows-queries.ts"
import { signingPart } from "./rows-signing.ts"
import { versionParts } from "./rows-versions.ts"

export const parts: readonly Part[] = [
  ...groundParts,
  ...eventParts,
  queryPart,
  eduPart,
  signingPart,
  ...versionParts,
]

export const allRows: readonly Row[] = parts.flatMap(({ rows }) => rows)
