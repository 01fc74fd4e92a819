/** Memberships that nobody may have, or give to others: rules 4 or 5 of the room versions. */
import { act, by, type ForbiddenAct, member, stateEvent } from "./act.ts"
import type { Scene } from "./scene.ts"

/** Somebody whose level the strongest of the server's users does not surpass. */
const superior = (scene: Scene): string | undefined => {
  const { strongest } = scene
  return strongest === undefined
    ? undefined
    : scene.others("join").find((userId) => scene.levelOf(userId) >= scene.levelOf(strongest))
}

const bogusInvite = (scene: Scene, invite: object, sender = scene.strongest) =>
  by(sender, (sender) =>
    member(sender, `@target:${scene.server}`, "invite", {
      third_party_invite: JSON.parse(JSON.stringify(invite)),
    }),
  )

/** Invites by a third-party invite of the room, which the server's own users made, or others. */
const byToken = (scene: Scene, isOwn: boolean) => {
  const { dag } = scene.room
  const joined = scene.own("join")
  const invite = dag
    .eventIdsIn(dag.currentState())
    .flatMap((eventId) => dag.record(eventId)?.event ?? [])
    .find(({ type, sender }) => type === "m.room.third_party_invite" && joined.includes(sender) === isOwn)
  if (invite === undefined) return undefined
  const signed = { mxid: `@target:${scene.server}`, token: invite.stateKey, signatures: {} }
  return bogusInvite(scene, { signed }, isOwn ? invite.sender : scene.strongest)
}

export const membershipActs: readonly ForbiddenAct[] = [
  act("member-without-membership", "there is no state_key, or no membership", ({ strongest }) =>
    by(strongest, (sender) => stateEvent(sender, "m.room.member", {}, sender)),
  ),
  act("member-without-state-key", "there is no state_key, or no membership", ({ strongest }) =>
    by(strongest, (sender) => ({
      draft: { type: "m.room.member", sender, content: { membership: "join" } },
    })),
  ),
  act("membership-unknown", "the membership is unknown", ({ strongest }) =>
    by(strongest, (sender) => member(sender, sender, "lurk")),
  ),
  act(
    "restricted-join-unsigned",
    "the server of join_authorised_via_users_server did not sign the event",
    (scene) =>
      by(scene.others("join")[0], (authoriser) =>
        member(scene.stranger, scene.stranger, "join", { join_authorised_via_users_server: authoriser }),
      ),
  ),
  act("join-of-another", "sender joins somebody else", ({ strongest, stranger }) =>
    by(strongest, (sender) => member(sender, stranger, "join")),
  ),
  act("join-of-the-banned", "sender is banned", (scene) =>
    by(scene.own("ban")[0], (sender) => member(sender, sender, "join")),
  ),
  act("join-of-the-uninvited", "the join rule does not let sender in", ({ stranger }) =>
    member(stranger, stranger, "join"),
  ),
  act("restricted-join-unauthorised", "join_authorised_via_users_server may not invite", ({ stranger }) =>
    member(stranger, stranger, "join"),
  ),
  act("third-party-invite-of-the-banned", "target is banned", (scene) =>
    by(scene.strongest, (sender) =>
      by([...scene.own("ban"), ...scene.others("ban")][0], (target) =>
        member(sender, target, "invite", { third_party_invite: {} }),
      ),
    ),
  ),
  act("third-party-invite-without-signed", "third_party_invite has no signed", (scene) =>
    bogusInvite(scene, {}),
  ),
  act("third-party-invite-without-token", "signed has no mxid or no token", (scene) =>
    bogusInvite(scene, { signed: { mxid: `@target:${scene.server}` } }),
  ),
  act("third-party-invite-for-another", "mxid is not the target", (scene) =>
    bogusInvite(scene, { signed: { mxid: scene.stranger, token: "none" } }),
  ),
  act("third-party-invite-unheard-of", "there is no such third-party invite", (scene) =>
    bogusInvite(scene, { signed: { mxid: `@target:${scene.server}`, token: "none" } }),
  ),
  act("third-party-invite-of-another", "sender did not make the third-party invite", (scene) =>
    byToken(scene, false),
  ),
  act("third-party-invite-unsigned", "no signature matches a key of the third-party invite", (scene) =>
    byToken(scene, true),
  ),
  act("invite-by-a-stranger", "sender is not joined", ({ stranger, server }) =>
    member(stranger, `@target:${server}`, "invite"),
  ),
  act("invite-of-the-joined", "target is joined or banned", (scene) =>
    by(scene.strongest, (sender) =>
      by(scene.others("join")[0], (target) => member(sender, target, "invite")),
    ),
  ),
  act("invite-without-power", "sender may not invite", ({ weakest, server }) =>
    by(weakest, (sender) => member(sender, `@target:${server}`, "invite")),
  ),
  act("leave-of-who-never-came", "sender has nothing to leave", ({ stranger }) =>
    member(stranger, stranger, "leave"),
  ),
  act("kick-by-a-stranger", "sender is not joined", (scene) =>
    by(scene.others("join")[0], (target) => member(scene.stranger, target, "leave")),
  ),
  act("unban-without-power", "target is banned, and sender may not unban", (scene) =>
    by(scene.weakest, (sender) =>
      by([...scene.own("ban"), ...scene.others("ban")][0], (target) => member(sender, target, "leave")),
    ),
  ),
  act("kick-without-power", "sender may not kick target", (scene) =>
    by(scene.weakest, (sender) =>
      by(superior(scene) ?? scene.others("join")[0], (target) => member(sender, target, "leave")),
    ),
  ),
  act("kick-of-a-superior", "sender may not kick target", (scene) =>
    by(scene.strongest, (sender) => by(superior(scene), (target) => member(sender, target, "leave"))),
  ),
  act("ban-by-a-stranger", "sender is not joined", (scene) =>
    by(scene.others("join")[0], (target) => member(scene.stranger, target, "ban")),
  ),
  act("ban-without-power", "sender may not ban target", (scene) =>
    by(scene.weakest, (sender) =>
      by(superior(scene) ?? scene.others("join")[0], (target) => member(sender, target, "ban")),
    ),
  ),
  act("ban-of-a-superior", "sender may not ban target", (scene) =>
    by(scene.strongest, (sender) => by(superior(scene), (target) => member(sender, target, "ban"))),
  ),
  act("knock-on-an-open-door", "the room is not for knocking", ({ stranger }) =>
    member(stranger, stranger, "knock"),
  ),
  act("knock-for-another", "sender knocks for somebody else", ({ strongest, stranger }) =>
    by(strongest, (sender) => member(sender, stranger, "knock")),
  ),
  act("knock-of-the-joined", "sender is banned, invited or joined", ({ strongest }) =>
    by(strongest, (sender) => member(sender, sender, "knock")),
  ),
]
