import type { Mutant } from "./mutant.ts"

export const backportedResolution: Mutant = {
  name: "backported-resolution",
  wrong: "rooms of versions 2 to 11 are resolved as those of version 12 are: split by improvement",
  real: "I06: tuwunel 954b0c32c",
  killedBy: "agree",
  mutation: {
    settings: ({ roomVersions }) => ({
      roomVersions: roomVersions.map((version) =>
        version.stateResolution === "v2" ? { ...version, stateResolution: "v2.1" } : version,
      ),
    }),
  },
}
