/** For tests: two servers and more with a room that all are in, and what faults do to them. */
import { Effect } from "effect"
import type { Event } from "#spec-impl/core/event.ts"
import { type Played, type PlayOptions, play } from "../../world/testing/play.ts"

/** A room that Alice on the first server makes, and that a user of each other server joins; told once all is quiet. */
export const inRoom = <A, E>(
  options: PlayOptions,
  story: (played: Played, roomId: string) => Effect.Effect<A, E>,
): Promise<A> =>
  play(options, (played) =>
    Effect.gen(function* () {
      const { stage } = played
      const roomId = yield* stage.user(userOf(stage.servers[0]!)).createRoom()
      for (const server of stage.servers.slice(1))
        yield* stage.user(userOf(server)).join(roomId, stage.servers[0]!)
      yield* stage.quiet
      return yield* story(played, roomId)
    }),
  )

/** Who acts on that server. */
export const userOf = (server: string): string => `@user:${server}`

/** Something that its user says. */
export const say = ({ stage }: Played, server: string, roomId: string, body = "hello") =>
  stage.user(userOf(server)).say(roomId, body)

/** Whether the server shows the event to its users. */
export const shows = (
  { servers }: Played,
  server: string,
  roomId: string,
  { eventId }: Pick<Event, "eventId">,
) => servers.get(server)!.rooms.find(roomId)!.dag.timeline(eventId) !== undefined

/** What the trace says of that kind, as lines. */
export const traced = ({ kernel }: Played, kind: string): readonly string[] =>
  kernel.trace.records.filter((record) => record.kind === kind).map(({ fields }) => fields.join(" "))
