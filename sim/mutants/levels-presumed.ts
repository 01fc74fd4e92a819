import { Context, Effect } from "effect"
import { LocalUsers } from "#spec-impl/homeserver/local-users.ts"
import { Rooms } from "#spec-impl/homeserver/rooms.ts"
import type { Mutant } from "./mutant.ts"

export const levelsPresumed: Mutant = {
  name: "levels-presumed",
  wrong:
    "a user who sets state in a room without m.room.power_levels makes the server read what is not there",
  killedBy: "no-defect",
  mutation: {
    services: (services) => {
      const users = Context.get(services, LocalUsers)
      const rooms = Context.get(services, Rooms)
      return Context.make(LocalUsers, {
        ...users,
        setState: (sender, roomId, ...said) =>
          Effect.suspend(() => {
            const dag = rooms.find(roomId)?.dag
            const isPresent =
              dag === undefined || dag.eventIn(dag.currentState(), "m.room.power_levels", "") !== undefined
            return isPresent
              ? users.setState(sender, roomId, ...said)
              : Effect.die(new TypeError("cannot read properties of undefined (reading 'content')"))
          }),
      })
    },
  },
}
