/**
 * For tests: what a scenario of TARDIS may say, by its README (§via scenario JSON5 files), the comments of the
 * `ScenarioFile` that it reads such a file into, and its examples (github.com/matrix-org/tardis at 8c22b34). It reads
 * more than that without complaint and shows less: a field that it does not know is a mistake here.
 */
import { Result, Schema } from "effect"

const { String: Text } = Schema
const EventId = Text.check(Schema.isPattern(/^\$/))
const byEvent = <S extends Schema.Constraint>(value: S) => Schema.optionalKey(Schema.Record(Text, value))

/** Of an event it reads these; the rest of a PDU it shows as it is, and hands to whoever resolves. */
const TardisEvent = Schema.Struct({
  event_id: EventId,
  type: Text,
  state_key: Schema.optionalKey(Text),
  content: Schema.Record(Text, Schema.Json),
  sender: Text,
  prev_events: Schema.Array(EventId),
  auth_events: Schema.Array(EventId),
  origin_server_ts: Schema.optionalKey(Schema.Int),
  room_id: Schema.optionalKey(Text),
})

const TardisScenario = Schema.Struct({
  tardis_version: Schema.Literal(1),
  events: Schema.Array(TardisEvent).check(Schema.isMinLength(1)),
  room_version: Schema.optionalKey(Text),
  room_id: Schema.optionalKey(Text),
  calculate_event_ids: Schema.optionalKey(Schema.Boolean),
  on_load_at_start: Schema.optionalKey(Schema.Boolean),
  precalculated_state_after: byEvent(Schema.Array(EventId)),
  annotations: Schema.optionalKey(
    Schema.Struct({ title: Schema.optionalKey(Text), titles: byEvent(Text), events: byEvent(Text) }),
  ),
})
export type TardisScenario = typeof TardisScenario.Type

const fields = new Set(Object.keys(TardisScenario.fields))

/** What is wrong with a scenario, one sentence each. */
export const problemsOfTardis = (json: unknown): readonly string[] => {
  const result = Schema.decodeUnknownResult(TardisScenario)(json)
  if (Result.isFailure(result)) return [result.failure.message.replaceAll(/\s+/g, " ")]
  const { events, precalculated_state_after: states = {}, annotations = {} } = result.success
  const unknown = Object.keys(json as object).filter((field) => !fields.has(field))
  const stateKeys = new Map(events.map((event) => [event.event_id, event.state_key]))
  const known = (id: string, where: string) =>
    stateKeys.has(id) ? [] : [`${where} names ${id}, which is no event`]
  const seen = new Set<string>()
  const order = events.flatMap(({ event_id, prev_events, auth_events }) => {
    const early = [...prev_events, ...auth_events].filter((id) => stateKeys.has(id) && !seen.has(id))
    const isRepeated = seen.has(event_id)
    seen.add(event_id)
    return [
      ...early.map((id) => `${event_id} stands before ${id}, which it cites`),
      ...(isRepeated ? [`${event_id} is there twice`] : []),
    ]
  })
  return [
    ...unknown.map((field) => `there is no field ${field}`),
    ...order,
    ...Object.entries(states).flatMap(([at, ids]) => [
      ...known(at, "precalculated_state_after"),
      ...ids.flatMap((id) => known(id, `the state after ${at}`)),
      ...ids
        .filter((id) => stateKeys.has(id) && stateKeys.get(id) === undefined)
        .map((id) => `${id} is no state event`),
    ]),
    ...Object.keys({ ...annotations.titles, ...annotations.events }).flatMap((id) =>
      known(id, "an annotation"),
    ),
  ]
}
