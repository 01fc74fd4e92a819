/** The rooms that checkers look through when all is over. */
import type { Room } from "#spec-impl/homeserver/rooms.ts"
import type { CheckedWorld } from "./check.ts"

/** What is wrong with each room that an honest server holds whole, as a sentence that names both. */
export const problemsByRoom = (
  { servers, honest }: CheckedWorld,
  problemsOf: (room: Room, server: string) => readonly string[],
): readonly string[] =>
  honest.flatMap((name) =>
    (servers.get(name)?.rooms.all() ?? [])
      .filter(({ partial }) => partial === undefined)
      .flatMap((room) => problemsOf(room, name).map((problem) => `${name}, ${room.roomId}: ${problem}`)),
  )
