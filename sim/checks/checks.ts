/** All checkers that every run of a plan is under. */
import { borders } from "./borders.ts"
import type { Check } from "./check.ts"
import { deviceLists } from "./device-lists.ts"
import { durability } from "./durability.ts"
import { eventGraph } from "./event-graph.ts"
import { handlers } from "./handlers.ts"
import { messagesArrive } from "./messages-arrive.ts"
import { onceOnly } from "./once-only.ts"
import { redactions } from "./redactions.ts"
import { shownEvents } from "./shown-events.ts"
import { stateEvents } from "./state-events.ts"
import { states } from "./states.ts"
import { timelines } from "./timelines.ts"
import { verdicts } from "./verdicts.ts"

export const checks: readonly Check[] = [
  eventGraph,
  states,
  stateEvents,
  verdicts,
  redactions,
  timelines,
  shownEvents,
  durability,
  onceOnly,
  messagesArrive,
  deviceLists,
  borders,
  handlers,
]
