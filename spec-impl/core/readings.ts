/**
 * Every switch where real servers read the specification differently, as data.
 *
 * A reading has a name, as on the command line (`--reading no-join-rules=reject`), its values with what each
 * means, and which implementation takes which. The first value is the laboratory's default
 * (`../shared/stateres/README.md`); a profile is a partial record, one for each implementation.
 */
export interface Readings {
  readonly noJoinRules: "invite" | "reject"
  readonly powerLevelDefaults: "present-only" | "fill-in"
  readonly rejectedInState: "admit" | "skip"
  readonly rejectedInPartialState: "skip" | "use"
  readonly chainThroughUnconflicted: "whole-chain" | "inside-only"
  readonly chainIncludesSelf: "no" | "yes"
  readonly oddKeyPowerEvents: "yes" | "no"
  readonly createPowerEvent: "no" | "yes"
  readonly levelsUncited: "creator" | "zero"
  readonly powerLevelUserIds: "checked" | "anything"
  readonly knockAfterInvite: "forbidden" | "allowed"
  readonly restrictedJoinSignature: "any-membership" | "joins-only"
  readonly federateFlag: "false-only" | "true-only-and-target"
  readonly thirdPartySignatures: "any" | "first-of-each-key"
  readonly identifierLength: "bytes" | "code-points-before-11"
  readonly authFallback: "auth-events" | "none"
  readonly foreignAuthEvents: "rejected" | "taken"
  readonly aclCase: "either" | "as-written"
  readonly softFailedEvents: "take-part" | "as-rejected"
  readonly presentBehindGap: "with-told" | "held-alone"
  readonly repeatedKeys: "refused" | "last-wins"
  readonly nonCanonicalPdu: "discard-event" | "refuse-transaction"
  readonly unfillableGap: "drop" | "accept"
  readonly inviteRoomState: "checked-from-12" | "checked"
  readonly policyServers: "heeded" | "unknown"
  readonly missingState: "fails-event" | "fails-transaction"
  readonly keyValidityClamp: "when-heard" | "when-checked" | "none"
  readonly expiredKeysBefore5: "ignored" | "accepted"
  readonly signatureAcceptance: "libsodium" | "zip215" | "rfc8032"
}

/** One reading: its name on the command line, its values, and who takes which. */
interface Definition<Name extends keyof Readings> {
  readonly name: string
  readonly field: Name
  readonly about: string
  readonly values: Readonly<Record<Readings[Name], string>>
  readonly takenBy: Readonly<Partial<Record<Implementation, Readings[Name]>>>
}

export type ReadingDefinition = { [Name in keyof Readings]: Definition<Name> }[keyof Readings]

/** Implementations whose habits are recorded; `spec` is the text taken at its word. */
export type Implementation = "spec" | "synapse" | "ruma" | "gomatrixserverlib"

/** All readings, in the order in which they are listed to people. */
export const readingDefinitions: readonly ReadingDefinition[] = [
  {
    name: "no-join-rules",
    field: "noJoinRules",
    about: "a join while the state has no m.room.join_rules",
    values: {
      invite: "as if join_rule were invite",
      reject: "no join_rule is met: rejected by the last join rule",
    },
    takenBy: { spec: "reject", synapse: "invite", ruma: "reject", gomatrixserverlib: "invite" },
  },
  {
    name: "pl-default",
    field: "powerLevelDefaults",
    about: "what an absent level of m.room.power_levels counts as when it is added or removed",
    values: {
      "present-only": "only values that are present are compared",
      "fill-in": "an absent level is compared as its default",
    },
    takenBy: { spec: "present-only", synapse: "present-only", ruma: "fill-in", gomatrixserverlib: "fill-in" },
  },
  {
    name: "rejected-in-state",
    field: "rejectedInState",
    about: "a conflicted event that was rejected on receipt but passes the rules in resolution",
    values: { admit: "handled as usual", skip: "never admitted" },
    takenBy: { spec: "admit", synapse: "skip", ruma: "admit", gomatrixserverlib: "admit" },
  },
  {
    name: "rejected-in-partial-state",
    field: "rejectedInPartialState",
    about: "a rejected event in the partial state, when the rules need it",
    values: { skip: "skipped: the event's own auth_events are asked", use: "used" },
    takenBy: { spec: "use", synapse: "skip", ruma: "skip" },
  },
  {
    name: "chain-through-unconflicted",
    field: "chainThroughUnconflicted",
    about: "how the power set grows by the auth chains of power events",
    values: {
      "whole-chain": "through any event",
      "inside-only": "along edges inside the full conflicted set",
    },
    takenBy: { spec: "whole-chain", synapse: "inside-only", ruma: "inside-only" },
  },
  {
    name: "chain-includes-self",
    field: "chainIncludesSelf",
    about: "whether a state event counts in its own set's auth chain",
    values: { no: "it does not", yes: "it does" },
    takenBy: { spec: "no", synapse: "yes", gomatrixserverlib: "no" },
  },
  {
    name: "odd-key-power-events",
    field: "oddKeyPowerEvents",
    about: "whether m.room.power_levels or m.room.join_rules with a non-empty state key is a power event",
    values: { yes: "by type alone", no: "only with the empty state key" },
    takenBy: { spec: "yes", synapse: "no", ruma: "no" },
  },
  {
    name: "create-power-event",
    field: "createPowerEvent",
    about: "whether a conflicted m.room.create is a power event",
    values: { no: "it is not in the list", yes: "it is one" },
    takenBy: { spec: "no", synapse: "yes", ruma: "yes", gomatrixserverlib: "no" },
  },
  {
    name: "levels-uncited",
    field: "levelsUncited",
    about: "a sender's level in the power ordering where the event cites no m.room.power_levels",
    values: { creator: "100 for the creator, else 0", zero: "0 for everybody (but the creators of room 12)" },
    takenBy: { spec: "creator", synapse: "creator", ruma: "creator", gomatrixserverlib: "zero" },
  },
  {
    name: "pl-user-ids",
    field: "powerLevelUserIds",
    about: "whether the keys of users in m.room.power_levels must be user ids (synapse#18312)",
    values: { checked: "they must", anything: "any string will do" },
    takenBy: { spec: "checked", ruma: "checked" },
  },
  {
    name: "knock-after-invite",
    field: "knockAfterInvite",
    about: "a knock by a user who is invited (matrix-spec#1142)",
    values: { forbidden: "rejected, as the text has it since v1.8", allowed: "allowed, as it was before" },
    takenBy: { spec: "forbidden", synapse: "forbidden" },
  },
  {
    name: "restricted-join-signature",
    field: "restrictedJoinSignature",
    about: "which member events with join_authorised_via_users_server need that server's signature",
    values: { "any-membership": "all of them", "joins-only": "joins alone" },
    takenBy: { spec: "any-membership", synapse: "joins-only" },
  },
  {
    name: "m-federate",
    field: "federateFlag",
    about: "what keeps other servers out of a room",
    values: {
      "false-only": "m.federate: false, and it is the sender's server that counts",
      "true-only-and-target": "any m.federate but true, and a member event's target counts too",
    },
    takenBy: { spec: "false-only", synapse: "true-only-and-target" },
  },
  {
    name: "third-party-signatures",
    field: "thirdPartySignatures",
    about: "which signatures of a third-party invite are tried with each of its keys",
    values: { any: "every one", "first-of-each-key": "the first alone" },
    takenBy: { spec: "any", synapse: "first-of-each-key" },
  },
  {
    name: "identifier-length",
    field: "identifierLength",
    about: "in what the 255 of type and state_key are counted",
    values: { bytes: "bytes of UTF-8", "code-points-before-11": "code points in rooms 1–10" },
    takenBy: { spec: "bytes", synapse: "code-points-before-11", gomatrixserverlib: "bytes" },
  },
  {
    name: "auth-fallback",
    field: "authFallback",
    about: "what the rules find in resolution under a key that the partial state lacks (GMSL#336, #419)",
    values: {
      "auth-events": "what the event's own auth_events have there",
      none: "nothing, as in gomatrixserverlib once",
    },
    takenBy: {
      spec: "auth-events",
      synapse: "auth-events",
      ruma: "auth-events",
      gomatrixserverlib: "auth-events",
    },
  },
  {
    name: "foreign-auth-events",
    field: "foreignAuthEvents",
    about: "an event that cites one of another room (MSC4307)",
    values: {
      rejected: "rejected, as the text has it since v1.16",
      taken: "judged by it, as by some before",
    },
    takenBy: { spec: "rejected", synapse: "rejected", ruma: "rejected" },
  },
  {
    name: "acl-case",
    field: "aclCase",
    about: "whether server ACLs take names in either case (MSC4436, matrix-spec#2334)",
    values: {
      either: "they do, as the text has it since v1.19",
      "as-written": "letters count as they are written, as in ruma before",
    },
    takenBy: { spec: "either", ruma: "either" },
  },
  {
    name: "soft-failed-events",
    field: "softFailedEvents",
    about: "a soft-failed event that others build on (dendrite#2252)",
    values: {
      "take-part": "it takes part in state resolution",
      "as-rejected": "it is kept as if it were rejected, as in Dendrite once",
    },
    takenBy: { spec: "take-part", synapse: "take-part" },
  },
  {
    name: "present-behind-gap",
    field: "presentBehindGap",
    about: "by what current state an event is soft-failed where history before it is missing (§Soft failure)",
    values: {
      "with-told": "the forward extremities resolved with the state before it, as its sender told it",
      "held-alone": "the forward extremities alone",
    },
    takenBy: { spec: "held-alone", synapse: "with-told" },
  },
  {
    name: "repeated-keys",
    field: "repeatedKeys",
    about: "a key that stands twice in an event of rooms 6+ (matrix-spec#1246, MSC4458)",
    values: { refused: "the event is no canonical JSON", "last-wins": "the last one counts" },
    takenBy: { spec: "refused", synapse: "last-wins" },
  },
  {
    name: "non-canonical-pdu",
    field: "nonCanonicalPdu",
    about: "a PDU of a transaction that is no canonical JSON, in rooms 6+ (synapse#18554, tuwunel#68)",
    values: {
      "discard-event": "it alone is discarded",
      "refuse-transaction": "the whole transaction is refused with 403, as in tuwunel",
    },
    takenBy: { spec: "discard-event", synapse: "discard-event" },
  },
  {
    name: "unfillable-gap",
    field: "unfillableGap",
    about: "a pushed event whose missing events get_missing_events answers with nothing",
    values: {
      drop: "the event is dropped, with an error in the transaction's answer",
      accept: "the state before its missing parents is asked of the sender",
    },
    takenBy: { synapse: "drop", gomatrixserverlib: "drop" },
  },
  {
    name: "invite-room-state",
    field: "inviteRoomState",
    about:
      "an invite whose invite_room_state is not all events of the room, the create event among them (MSC4311)",
    values: {
      "checked-from-12": "refused in rooms 12+; in older ones what is odd is left out",
      checked: "refused in every room",
    },
    takenBy: { spec: "checked-from-12" },
  },
  {
    name: "policy-servers",
    field: "policyServers",
    about: "what m.room.policy means (MSC4284, since v1.18)",
    values: {
      heeded: "the policy server is asked to sign events, and what lacks its signature is soft-failed",
      unknown: "nothing, as on servers of before v1.18",
    },
    takenBy: { spec: "heeded" },
  },
  {
    name: "missing-state",
    field: "missingState",
    about: "a pushed event before which the state is not to be had: 404 from /state_ids (synapse#18881)",
    values: {
      "fails-event": "the event is dropped, with an error in the transaction's answer",
      "fails-transaction": "the whole transaction fails, and is sent again and again",
    },
    takenBy: { spec: "fails-event" },
  },
  {
    name: "key-validity-clamp",
    field: "keyValidityClamp",
    about: "from when the seven days count for which a far valid_until_ts is believed at most",
    values: {
      "when-heard": "from when the keys were fetched: then they are fetched again",
      "when-checked": "from each check: old keys of a server that is silent stay good",
      none: "valid_until_ts is believed as it is",
    },
    takenBy: { synapse: "none", gomatrixserverlib: "when-checked" },
  },
  {
    name: "expired-keys-before-5",
    field: "expiredKeysBefore5",
    about: "in rooms 1–4, a signature by a key that had expired before the event's origin_server_ts",
    values: {
      ignored: "it does not count: only valid_until_ts is ignored there, not expired_ts",
      accepted: "it counts as any other",
    },
    takenBy: { spec: "ignored", synapse: "accepted", gomatrixserverlib: "ignored" },
  },
  {
    name: "signature-acceptance",
    field: "signatureAcceptance",
    about: "which crafted Ed25519 signatures verify",
    values: {
      libsodium: "S < L, canonical public key not of small order, R not of small order, no cofactor",
      zip215: "any encoding, with the cofactor",
      rfc8032: "canonical encodings, small order allowed, no cofactor",
    },
    takenBy: { spec: "libsodium", synapse: "libsodium" },
  },
]

/** The laboratory's defaults. */
export const readingsDefault: Readings = {
  noJoinRules: "invite",
  powerLevelDefaults: "present-only",
  rejectedInState: "admit",
  rejectedInPartialState: "skip",
  chainThroughUnconflicted: "whole-chain",
  chainIncludesSelf: "no",
  oddKeyPowerEvents: "yes",
  createPowerEvent: "no",
  levelsUncited: "creator",
  powerLevelUserIds: "checked",
  knockAfterInvite: "forbidden",
  restrictedJoinSignature: "any-membership",
  federateFlag: "false-only",
  thirdPartySignatures: "any",
  identifierLength: "bytes",
  authFallback: "auth-events",
  foreignAuthEvents: "rejected",
  aclCase: "either",
  softFailedEvents: "take-part",
  presentBehindGap: "with-told",
  repeatedKeys: "refused",
  nonCanonicalPdu: "discard-event",
  unfillableGap: "drop",
  inviteRoomState: "checked-from-12",
  policyServers: "heeded",
  missingState: "fails-event",
  keyValidityClamp: "when-heard",
  expiredKeysBefore5: "ignored",
  signatureAcceptance: "libsodium",
}
