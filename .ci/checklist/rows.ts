/** All rows of the protocol's checklist, in the order in which they are shown. */
import type { Part, Row } from "./row.ts"
import { devicesPart } from "./rows-devices.ts"
import { discoveryPart } from "./rows-discovery.ts"
import { eduPart } from "./rows-edus.ts"
import { eventParts } from "./rows-events.ts"
import { groundParts } from "./rows-ground.ts"
import { joinsPart } from "./rows-joins.ts"
import { keysPart } from "./rows-keys.ts"
import { mediaPart } from "./rows-media.ts"
import { membershipPart } from "./rows-memberships.ts"
import { queryPart } from "./rows-queries.ts"
import { signingPart } from "./rows-signing.ts"
import { aclPart, policyPart, thirdPartyPart } from "./rows-third-party.ts"
import { versionParts } from "./rows-versions.ts"

export const parts: readonly Part[] = [
  discoveryPart,
  ...groundParts,
  keysPart,
  ...eventParts,
  joinsPart,
  membershipPart,
  thirdPartyPart,
  queryPart,
  eduPart,
  devicesPart,
  mediaPart,
  signingPart,
  ...versionParts,
  policyPart,
  aclPart,
]

export const allRows: readonly Row[] = parts.flatMap(({ rows }) => rows)
