/** For tests: how stories of two clients begin. */
import { Effect } from "effect"
import { registerClient } from "./client.ts"
import { type Played, type PlayOptions, play } from "./play.ts"
import { Syncing } from "./syncing.ts"

export const alice = "@alice:s1"
export const bob = "@bob:s2"
/** `password` is that of Alice, who has none without it. */
interface StoryOptions extends PlayOptions {
  readonly password?: string
}

/** Alice on s1 and Bob on s2, both logged in. */
export const withClients = <A, E>(
  story: (played: Played, alice: Syncing, bob: Syncing) => Effect.Effect<A, E>,
  options: StoryOptions = {},
) =>
  play({ servers: 2, ...options, settings: { enableRegistration: true, ...options.settings } }, (played) =>
    Effect.gen(function* () {
      const [one, other] = [
        yield* registerClient(played, "s1", "alice", options.password),
        yield* registerClient(played, "s2", "bob"),
      ]
      return yield* story(played, new Syncing(one), new Syncing(other))
    }),
  )

/** Both in a room that Alice made. */
export const inRoom = <A, E>(
  story: (played: Played, roomId: string, alice: Syncing, bob: Syncing) => Effect.Effect<A, E>,
  options: StoryOptions = {},
) =>
  withClients(
    (played, one, other) =>
      Effect.gen(function* () {
        const { stage } = played
        const roomId = yield* stage.user(alice).createRoom()
        yield* stage.user(alice).setState(roomId, "m.room.name", { name: "Here" })
        yield* stage.user(bob).join(roomId, "s1")
        yield* stage.quiet
        return yield* story(played, roomId, one, other)
      }),
    options,
  )

/** Begins a sync that waits, and lets it come so far. */
export const waitingSync = ({ stage }: Played, syncing: Syncing, timeout = "30000") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(syncing.next({ timeout }))
    yield* stage.wait(1)
    return fiber
  })
