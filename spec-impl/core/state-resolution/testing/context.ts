import type { AuthContext } from "../../auth-rules/authorise.ts"
import { type Readings, readingsDefault } from "../../readings.ts"
import type { RoomVersion } from "../../room-version.ts"

/** By the rules of that version; every restricted join is signed, no third-party invite is. */
export const contextOf = (version: RoomVersion, readings: Readings = readingsDefault): AuthContext => ({
  version,
  readings,
  signatures: { restrictedJoinIsSigned: () => true, verify: () => false },
})
