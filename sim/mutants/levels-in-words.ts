import { roomVersion } from "#spec-impl/core/room-version.ts"
import type { Mutant } from "./mutant.ts"

export const levelsInWords: Mutant = {
  name: "levels-in-words",
  wrong: "power levels may be strings in every room version, and not up to 9 only",
  real: "I28: MSC3667",
  killedBy: "verdicts",
  wishes: { hostile: true },
  mutation: {
    settings: ({ roomVersions }) => {
      const { levelForms } = roomVersion("9")!.auth
      return {
        roomVersions: roomVersions.map((version) =>
          version.auth.levelForms === "integers"
            ? { ...version, auth: { ...version.auth, levelForms } }
            : version,
        ),
      }
    },
  },
}
