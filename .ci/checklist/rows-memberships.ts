/** Chapters 12 and 13 of the user's checklist, knocks, and what follows on memberships: upgrades and redactions. */
import type { Part } from "./row.ts"

const homeserver = "spec-impl/homeserver"
const rooms = "spec-impl/federation/rooms"
const dag = "spec-impl/core/room-dag"
const memberships = "sim/world/memberships.test.ts"
const invites = "sim/world/invites.test.ts"
const withdrawals = "sim/world/withdrawals.test.ts"
const handshakes = "sim/world/knocks-and-leaving.test.ts"
const redactions = "sim/world/redactions.test.ts"
const upgrades = "sim/world/room-upgrades.test.ts"

export const membershipPart: Part = {
  title: "Invites, knocks and leaving",
  rows: [
    {
      id: "12",
      title: "Inviting to a room",
      section: "§Inviting to a room",
      handler: `${homeserver}/invitations.ts`,
      test: `${memberships} > an invite > that the other server refuses, or never gets, is no part of the room`,
      removal: {
        file: `${homeserver}/invitations.ts`,
        from: "if (server === undefined || server === serverName) return yield* sendLocalEvent(room, draft)",
        to: "if (server !== undefined) return yield* sendLocalEvent(room, draft)",
      },
    },
    {
      id: "12.1",
      title: "PUT /_matrix/federation/v1/invite/{roomId}/{eventId}",
      section: "§PUT /_matrix/federation/v1/invite",
      route: "PUT /_matrix/federation/v1/invite/{roomId}/{eventId}",
      handler: `${homeserver}/invitations.ts`,
      test: `${memberships} > the endpoints of old > an invite goes by v1 to a server that knows no other, in rooms 1 and 2`,
    },
    {
      id: "12.2",
      title: "PUT /_matrix/federation/v2/invite/{roomId}/{eventId}",
      section: "§PUT /_matrix/federation/v2/invite",
      route: "PUT /_matrix/federation/v2/invite/{roomId}/{eventId}",
      handler: `${homeserver}/invitations.ts`,
      test: `${invites} > PUT v2 of invite, room 12 > gives the event back with a signature more, and nothing else touched`,
    },
    {
      id: "13",
      title: "Leaving Rooms (Rejecting Invites)",
      section: "§Leaving Rooms (Rejecting Invites)",
      handler: `${homeserver}/own-memberships.ts`,
      test: `${memberships} > an invite > is turned down by way of the server that it came from`,
      removal: {
        file: "spec-impl/homeserver/own-memberships.ts",
        from: "leaveThrough(server, roomId, userId, more),",
        to: 'leaveThrough("nowhere", roomId, userId, more),',
      },
    },
    {
      id: "13.1",
      title: "GET /_matrix/federation/v1/make_leave/{roomId}/{userId}",
      section: "§GET /_matrix/federation/v1/make_leave",
      route: "GET /_matrix/federation/v1/make_leave/{roomId}/{userId}",
      handler: `${homeserver}/hosting-memberships.ts`,
      test: `${handshakes} > make_leave > is for who is in the room, invited or knocking, and of the server that asks`,
    },
    {
      id: "13.2",
      title: "PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}",
      section: "§PUT /_matrix/federation/v1/send_leave of r0.1.4; removed in v1.18",
      route: "PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}",
      handler: `${rooms}/receive.ts`,
      test: `${handshakes} > v1/send_leave > room 12: takes the leave, whatever its depth says`,
    },
    {
      id: "13.3",
      title: "PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}",
      section: "§PUT /_matrix/federation/v2/send_leave",
      route: "PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}",
      handler: `${homeserver}/hosting-memberships.ts`,
      test: `${handshakes} > v2/send_leave > room 12: takes the leave, whatever its depth says`,
    },
    {
      id: "#16",
      title: "GET /_matrix/federation/v1/make_knock/{roomId}/{userId}",
      section: "§Knocking upon a room",
      route: "GET /_matrix/federation/v1/make_knock/{roomId}/{userId}",
      handler: `${homeserver}/hosting-memberships.ts`,
      test: `${handshakes} > make_knock > names the room's version to who does not know it, and wants the versions said`,
    },
    {
      id: "#17",
      title: "PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}",
      section: "§Knocking upon a room",
      route: "PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}",
      handler: `${homeserver}/hosting-memberships.ts`,
      test: `${handshakes} > send_knock > tells what the room is: full events, the create event first`,
    },
    {
      id: "knock_restricted",
      title: "Knocks in knock_restricted rooms, from room version 10 on",
      section: "rooms/v10 §Authorisation rules",
      handler: "spec-impl/core/auth-rules/member-rules.ts",
      test: `${handshakes} > who may knock > in knock_restricted rooms, from room 10 on`,
      removal: {
        file: "spec-impl/core/auth-rules/member-rules.ts",
        from: `joinRule !== "knock" && !(auth.knockRestricted && joinRule === "knock_restricted")`,
        to: `joinRule !== "knock"`,
      },
    },
    {
      id: "stripped state v1.16",
      title: "Invites and knocks tell stripped state as full events, the create event among them (MSC4311)",
      section: "§PUT /_matrix/federation/v2/invite; client-server API §Stripped state",
      handler: `${homeserver}/told-room-state.ts`,
      test: `${invites} > invite_room_state > without the create event: refused in room 12, in older ones a matter of reading`,
      removal: {
        file: `${homeserver}/told-room-state.ts`,
        from: `!events.some(({ type, stateKey }) => type === "m.room.create" && stateKey === "")`,
        to: "events.length < 0",
      },
    },
    {
      id: "M_INVITE_BLOCKED",
      title: "Users who do not want to be invited",
      section: "client-server API §Invite permission (v1.18)",
      handler: `${homeserver}/invite-permission.ts`,
      test: `${invites} > PUT v2 of invite, room 12 > is refused where the user does not want to be invited, or this server lets nobody be`,
      removal: {
        file: `${homeserver}/invite-permission.ts`,
        from: "return blocking.has(userId)",
        to: "return userId.length < 0",
      },
    },
    {
      id: "out-of-band withdrawal",
      title: "An invite that is taken back reaches its user's server, which is not in the room",
      section: "§Inviting to a room, §Leaving Rooms: unsaid; what is believed is told in the file",
      handler: `${homeserver}/withdrawals.ts`,
      test: `${withdrawals} > an invite that is taken back > room 12: by a kick or a ban, is over for its user, whose server is not in the room`,
      removal: {
        file: `${homeserver}/admission.ts`,
        from: `const server = before === "invite" || before === "knock" ? domainOf(stateKey) : undefined`,
        to: `const server = before === "never" ? domainOf(stateKey) : undefined`,
      },
    },
    {
      id: "out-of-band lies",
      title: "Another server cannot lie an invite away",
      section: "§Inviting to a room: unsaid; what is believed is told in the file",
      handler: `${homeserver}/withdrawals.ts`,
      test: `${withdrawals} > an invite that is taken back > is not believed of a server that lies`,
      removal: {
        file: `${homeserver}/withdrawals.ts`,
        from: "const isByNeighbour = domainOf(event.sender) === standing.via",
        to: "const isByNeighbour = event.sender.length > 0 || standing.via.length > 0",
      },
    },
    {
      id: "unsigned",
      title: "What others say in unsigned is neither kept nor passed on",
      section: "§Signing Events; client-server API §Stripped state",
      handler: "spec-impl/core/event-format.ts",
      test: "sim/world/unsigned.test.ts > what another server says in `unsigned` > room 12: of joins, invites, history and state is neither kept nor passed on",
      removal: {
        file: "spec-impl/core/event-format.ts",
        from: `const pdu = Object.hasOwn(received, "unsigned") ? without(received, ["unsigned"]) : received`,
        to: `const pdu = Object.hasOwn(received, "nothing") ? without(received, ["unsigned"]) : received`,
      },
    },
    {
      id: "faulty requests",
      title: "What another server finds faulty is a 5xx to the user",
      section: "§PUT /_matrix/federation/v2/invite, §PUT /_matrix/federation/v2/send_join",
      handler: `${homeserver}/failures.ts`,
      test: `${invites} > what a user is told > of a remote refusal is what the other server said, but for malformed requests, which are not the user's`,
      removal: {
        file: `${homeserver}/invitations.ts`,
        from: "Effect.mapError(asClientSees),",
        to: "",
      },
    },
    {
      id: "room upgrades",
      title: "A room goes on as another, of another version",
      section: "client-server API §Room upgrades",
      handler: `${homeserver}/room-upgrades.ts`,
      test: `${upgrades} > an upgrade > from 11 to 12: takes the room's settings along, and its members follow`,
      removal: {
        file: `${homeserver}/room-upgrades.ts`,
        from: "const users = without(isJsonObject(content.users) ? content.users : {}, [...creators])",
        to: "const users = without(isJsonObject(content.users) ? content.users : {}, [...creators].slice(1))",
      },
    },
    {
      id: "redactions in rooms 1 and 2",
      title: "Redactions decided by the authorisation rules",
      section: "rooms/v1 §Redactions, rule 11",
      handler: `${dag}/redactions.ts`,
      test: `${redactions} > a redaction > room 2: is for who has the power, or is of the same server`,
      removal: {
        file: "spec-impl/core/auth-rules/rules-of-version.ts",
        from: `reject("sender may not redact that event"),`,
        to: `allow("anybody may"),`,
      },
    },
    {
      id: "redactions from room 3 on",
      title: "Redactions that are accepted, and apply where the sender may redact",
      section: "rooms/v3 §Handling redactions",
      handler: `${dag}/redactions.ts`,
      test: `${redactions} > a redaction > room 6: is for who has the power, or is of the same server`,
      removal: {
        file: `${dag}/redactions.ts`,
        from: `return levels.ofUser(userId) >= levels.scalar("redact")`,
        to: `return levels.ofUser(userId) < levels.scalar("redact")`,
      },
    },
    {
      id: "redactions before their event",
      title: "A redaction waits for its event",
      section: "rooms/v3 §Handling redactions",
      handler: `${dag}/redactions.ts`,
      test: `${redactions} > a redaction > room 11: that comes before its event applies once both are there`,
      removal: {
        file: `${dag}/redactions.ts`,
        from: "if (known === undefined) this.#redactions.set(target, [record as TimelineRecord])",
        to: "if (known === undefined) return",
      },
    },
    {
      id: "redaction in rooms 8 and 9",
      title:
        "A redaction in rooms 8 takes join_authorised_via_users_server, a redaction in rooms 9 and later does not",
      section: "rooms/v8 §Redactions, rooms/v9 §Redactions (MSC3375)",
      handler: `${homeserver}/hosting-joins.ts`,
      test: `${redactions} > redacted state > divergence 12: a newcomer cannot follow a redacted restricted join in room 8, and can from room 9 on`,
      removal: {
        file: `${homeserver}/hosting-joins.ts`,
        from: "events.map((held) => dag.redactions.shown(held).pdu)",
        to: "events.map((held) => held.pdu)",
      },
    },
    {
      id: "redacted messages in the store",
      title: "A redacted message is gone from the store",
      section: "client-server API §Redactions",
      handler: `${homeserver}/room-writes.ts`,
      test: `${redactions} > a restart > brings nothing back: the message is gone from the store, and state is shown redacted as before`,
      removal: {
        file: `${homeserver}/room-writes.ts`,
        from: "events: [...records, ...redactedBy(dag, records)].map((record) =>",
        to: "events: [...records, ...redactedBy(dag, [])].map((record) =>",
      },
    },
  ],
}
