import type { EventWrite } from "#spec-impl/store/event-store.ts"
import type { Mutant } from "./mutant.ts"

const withoutPosition = ({ position: _, ...event }: EventWrite): EventWrite => event

export const positionsSkipped: Mutant = {
  name: "positions-skipped",
  wrong: "of events that are kept together only the first keeps its place in what clients are told",
  real: "as I13: Dendrite 0.13.1 (CHANGES), an entry skipped where several are stored",
  killedBy: "timelines",
  mutation: {
    store: (store) => ({
      ...store,
      commit: ({ events = [], ...group }) =>
        store.commit({
          ...group,
          events: events.map((event, at) => (at === 0 ? event : withoutPosition(event))),
        }),
    }),
  },
}
