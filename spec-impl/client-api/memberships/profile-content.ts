import { Effect } from "effect"
import type { JsonObject } from "../../core/json/value.ts"
import { Profiles } from "../../federation/queries/profiles.ts"

/** What a user's own membership events say of it (client-server API §m.room.member): its name and picture. */
export const profileContent = Effect.fnUntraced(function* (userId: string) {
  const profiles = yield* Profiles
  const profile: JsonObject = yield* profiles.ofLocal(userId).pipe(Effect.orElseSucceed(() => ({})))
  const { displayname, avatar_url: avatar } = profile
  return {
    ...(typeof displayname === "string" ? { displayname } : {}),
    ...(typeof avatar === "string" ? { avatar_url: avatar } : {}),
  }
})
