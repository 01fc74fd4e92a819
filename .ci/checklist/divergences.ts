/** The twenty places where real servers part from the text or from each other: tests of the text's side, and switches. */
import type { Divergence } from "./row.ts"

const rules = "spec-impl/core/divergences.test.ts"
const between = "sim/world/divergences.test.ts"

export const divergences: readonly Divergence[] = [
  {
    number: 1,
    about: "a stale state through /state_ids resets the room",
    tests: [
      "spec-impl/core/state-resolution/msc4297.test.ts",
      "spec-impl/core/state-resolution/state-resets.test.ts",
      "scenarios/scenarios.test.ts > phantom-join-rules > s3 alone differs, on the join rules alone, for it was given another input",
    ],
    readings: [],
    note: "the room's version: 2 to 11 against 12",
  },
  {
    number: 2,
    about: "events rejected on receipt, then reached by state resolution",
    tests: [
      `${rules} > 2: events rejected on receipt > take part in resolution like all others, or are never admitted: a reading`,
    ],
    readings: ["rejected-in-state"],
  },
  {
    number: 3,
    about: "the state after a rejected event, and citing rejected events",
    tests: [
      `${rules} > 2, 3: rejected events > who cites one is rejected in turn`,
      `${rules} > 3: rejected events among what the rules ask for > count as lacking, or count: a reading`,
    ],
    readings: ["rejected-in-partial-state"],
  },
  {
    number: 4,
    about: "what the rules find where the partial state lacks a key",
    tests: [`${rules} > 4: what the partial state lacks > is what the event cites, or is lacking: a reading`],
    readings: ["auth-fallback"],
  },
  {
    number: 5,
    about: "what is a power event",
    tests: [
      `${rules} > 5: power events > are told by type alone, or want the empty state key: a reading`,
      `${rules} > 5: power events > have no create event among them, or have: a reading`,
    ],
    readings: ["odd-key-power-events", "create-power-event"],
  },
  {
    number: 6,
    about: "the sender's level where the event cites no levels",
    tests: [
      `${rules} > 6: the power ordering where no levels are cited > the creator counts as 100 and comes before Bob with 50, or counts for nothing: a reading`,
    ],
    readings: ["levels-uncited"],
  },
  {
    number: 7,
    about: "user ids in m.room.power_levels",
    tests: [
      `${rules} > 7: users of m.room.power_levels > are user ids: @x:* is none, nor is one with a line break; or anything goes: a reading`,
    ],
    readings: ["pl-user-ids"],
  },
  {
    number: 8,
    about: "sizes: bytes or code points, with or without unsigned",
    tests: [
      `${rules} > 8: sizes > identifiers are counted in bytes, or in rooms 1–10 in code points: a reading`,
      `${rules} > 8: sizes > unsigned does not count`,
    ],
    readings: ["identifier-length"],
  },
  {
    number: 9,
    about: "one PDU of fifty that is no canonical JSON",
    tests: [
      `${between} > 9: one PDU of fifty that is no canonical JSON > is discarded, and no other; or the whole transaction is refused: a reading`,
    ],
    readings: ["non-canonical-pdu"],
  },
  {
    number: 10,
    about: "keys that stand twice, lone surrogates, escapes",
    tests: [
      `${between} > 10: a key that stands twice > is no canonical JSON in rooms 6 and later, or the last one counts: a reading`,
      "spec-impl/core/json/json.test.ts > what nobody takes > a lone surrogate",
      "spec-impl/core/json/json.test.ts > the encoder > escapes what must be, in the shortest way",
    ],
    readings: ["repeated-keys"],
  },
  {
    number: 11,
    about: "a knock by who is invited",
    tests: [`${rules} > 11: invited, and knocking > is forbidden, or allowed: a reading`],
    readings: ["knock-after-invite"],
  },
  {
    number: 12,
    about: "the signature of the server that let a user in",
    tests: [
      `${rules} > 12: join_authorised_via_users_server > wants that server's signature on any membership, or on joins alone: a reading`,
    ],
    readings: ["restricted-join-signature"],
  },
  {
    number: 13,
    about: "m.federate",
    tests: [
      `${rules} > 13: m.federate > is false only if it is false; Synapse takes anything but true for false: a reading`,
      `${rules} > 13: m.federate > is about the sender's server; Synapse asks the target's too: the same reading`,
    ],
    readings: ["m-federate"],
  },
  {
    number: 14,
    about: "auth_events of another room, or of a place that is not to be cited",
    tests: [
      `${rules} > 14: auth_events > of another room: rejected, or taken: a reading`,
      `${rules} > 14: auth_events > twice of the same place, or none of its own: rejected`,
    ],
    readings: ["foreign-auth-events"],
  },
  {
    number: 15,
    about: "what is kept of soft-failed events",
    tests: [
      `${rules} > 15: soft-failed events > take part where others build on them, in whatever order they came; or count as rejected: a reading`,
      "spec-impl/core/room-dag/room-dag.test.ts > room 10 > soft-fails by the current state (check 6), as in the specification's example",
      "spec-impl/core/room-dag/room-dag.test.ts > an event behind a gap > room 11: may be allowed by what the gap holds: its sender is back",
    ],
    readings: ["soft-failed-events", "present-behind-gap"],
  },
  {
    number: 16,
    about: "a state that is not to be had",
    tests: [
      `${between} > 16: a state that is not to be had > fails one event and no more; or the transaction, for ever: a reading`,
    ],
    readings: ["missing-state", "unfillable-gap"],
  },
  {
    number: 17,
    about: "until when keys are good",
    tests: [
      "spec-impl/homeserver/key-ring.test.ts > keys of others > are fetched again when they run out, and believed for seven days at most",
      "spec-impl/homeserver/event-signatures.test.ts > the validity of keys > binds events from room version 5 on; that a key has expired counts in all",
    ],
    readings: ["key-validity-clamp", "expired-keys-before-5"],
    note: "the notaries that are asked",
  },
  {
    number: 18,
    about: "room 12's create event, which nobody cites",
    tests: [
      `${rules} > 18: room 12's create event > is cited by nobody, and known all the same`,
      `${between} > 18: two rooms of one user at one instant > are two rooms: their create events carry entropy`,
    ],
    readings: [],
    note: "none: what servers did was to crash, or to take two rooms for one",
  },
  {
    number: 19,
    about: "server ACLs: case, ports, IP literals, a missing allow",
    tests: [
      `${rules} > 19: server ACLs > take either case (a reading) and no port; without allow nobody is let in; odd allow_ip_literals mean true`,
      "sim/world/server-acl.test.ts > a server is denied",
    ],
    readings: ["acl-case"],
  },
  {
    number: 20,
    about: "which signatures of a third-party invite count",
    tests: [
      `${rules} > 20: third-party invites > any signature will do, or the first alone is tried: a reading`,
      `${rules} > 20: third-party invites > keys are read in both alphabets of base64`,
    ],
    readings: ["third-party-signatures"],
  },
]
