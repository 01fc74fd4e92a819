/** The cases of all chapters. */
import type { EndpointCases } from "./cases.ts"
import { deviceCases } from "./cases-devices.ts"
import { joinCases, knockCases, leaveCases } from "./cases-handshakes.ts"
import { historyCases } from "./cases-history.ts"
import { inviteCases } from "./cases-invites.ts"
import { mediaCases } from "./cases-media.ts"
import { queryCases } from "./cases-queries.ts"
import { delegationCases, serverCases, transactionCases } from "./cases-servers.ts"
import { policyCases, thirdPartyCases } from "./cases-third-party.ts"

export const allCases: readonly EndpointCases[] = [
  ...delegationCases,
  ...serverCases,
  ...transactionCases,
  ...historyCases,
  ...joinCases,
  ...knockCases,
  ...leaveCases,
  ...inviteCases,
  ...queryCases,
  ...thirdPartyCases,
  ...policyCases,
  ...deviceCases,
  ...mediaCases,
]
