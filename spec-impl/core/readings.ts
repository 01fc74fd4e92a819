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
  readonly unfillableGap: "drop" | "accept"
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
  unfillableGap: "drop",
  signatureAcceptance: "libsodium",
}
