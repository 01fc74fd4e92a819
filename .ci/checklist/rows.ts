/** All rows of the protocol's checklist, in the order in which they are shown. */
import type { Part, Row } from "./row.ts"
import { protocolParts } from "./rows-protocol.ts"
import { signingPart } from "./rows-signing.ts"

export const parts: readonly Part[] = [...protocolParts, signingPart]

export const allRows: readonly Row[] = parts.flatMap(({ rows }) => rows)
