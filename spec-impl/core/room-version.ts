/**
 * The twelve room versions as one table of data: what differs, and nothing that does not.
 *
 * A version is the one before it plus its changes, so the table reads like the changelog of the
 * specification. Code asks the row; it never compares version numbers.
 */

/** Names one of the specification's stable room versions. */
export type RoomVersionId = "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "10" | "11" | "12"

/** Everything that the rules of a room depend on. Each field names the section that defines it. */
export interface RoomVersion {
  readonly id: string
  /** §Event IDs. `opaque`: chosen by the sender, on the wire; else the reference hash in that alphabet. */
  readonly eventId: "opaque" | "hash-standard" | "hash-url-safe"
  /** §Event format. `with-hashes`: `[[id, {sha256}], …]`; `ids`: `[id, …]`. */
  readonly eventReferences: "with-hashes" | "ids"
  /** §Event format of room 12: the room id is the create event's id, and the create event has none. */
  readonly roomIdIsCreateHash: boolean
  /** §Canonical JSON. `strict`: an event that is not canonical is malformed. */
  readonly canonicalJson: "lenient" | "strict"
  /**
   * Not of the text, which counts bytes in every room: from room 11 on Synapse does so too, before it counted code
   * points (matrix-spec#1001).
   */
  readonly identifiersOnceInCodePoints: boolean
  /** §Event format: the largest `depth`. */
  readonly depthMax: "2^63-1" | "2^53-1"
  /** §State resolution. */
  readonly stateResolution: "v1" | "v2" | "v2.1"
  /** §Signing key validity period: whether `valid_until_ts` binds the signatures of events. */
  readonly keyValidity: "ignored" | "enforced"
  /** §Checks on receipt: rooms 1 and 2 also want the signature of the server in the event id. */
  readonly eventIdServerSigns: boolean
  readonly redaction: RedactionVersion
  readonly auth: AuthVersion
}

/** §Redactions. */
export interface RedactionVersion {
  /** Keeps `prev_state`, `origin` and `membership` at the top level (rooms 1–10). */
  readonly keepsHistoricalTopLevel: boolean
  /** Where a redaction names its target. */
  readonly redactsIn: "top-level" | "content"
  /** `decided-by-auth`: rule 11 of rooms 1–2; `held-until-both`: §Handling redactions of rooms 3+. */
  readonly application: "decided-by-auth" | "held-until-both"
  /** Content keys that survive, by event type. */
  readonly contentKeys: Readonly<Record<string, readonly string[] | "all">>
  /** Keeps `content.third_party_invite.signed`, and no more of it, in members (rooms 11+). */
  readonly keepsThirdPartySigned: boolean
}

/** §Authorisation rules. */
export interface AuthVersion {
  /** Rule 4 of rooms 1–5. */
  readonly aliasesRule: boolean
  /** Power level rules cover `notifications` (rooms 6+). */
  readonly notificationsLevels: boolean
  /** §Power level forms: strings and floats (1–5), strings (6–9), integers only (10+). */
  readonly levelForms: "integers-strings-floats" | "integers-strings" | "integers"
  readonly knock: boolean
  /** `restricted` join rule, and `join_authorised_via_users_server` (rooms 8+). */
  readonly restricted: boolean
  readonly knockRestricted: boolean
  /** Where the creator is named. */
  readonly creator: "content" | "sender"
  /** Room 12: creators, additional ones included, have infinite power and may not be listed. */
  readonly privilegedCreators: boolean
  /** Room 12: the create event is implied by the room id and never cited. */
  readonly createInAuthEvents: "required" | "forbidden"
}

const version1: RoomVersion = {
  id: "1",
  eventId: "opaque",
  eventReferences: "with-hashes",
  roomIdIsCreateHash: false,
  canonicalJson: "lenient",
  identifiersOnceInCodePoints: true,
  depthMax: "2^63-1",
  stateResolution: "v1",
  keyValidity: "ignored",
  eventIdServerSigns: true,
  redaction: {
    keepsHistoricalTopLevel: true,
    redactsIn: "top-level",
    application: "decided-by-auth",
    contentKeys: {
      "m.room.member": ["membership"],
      "m.room.create": ["creator"],
      "m.room.join_rules": ["join_rule"],
      "m.room.power_levels": [
        "ban",
        "events",
        "events_default",
        "kick",
        "redact",
        "state_default",
        "users",
        "users_default",
      ],
      "m.room.aliases": ["aliases"],
      "m.room.history_visibility": ["history_visibility"],
    },
    keepsThirdPartySigned: false,
  },
  auth: {
    aliasesRule: true,
    notificationsLevels: false,
    levelForms: "integers-strings-floats",
    knock: false,
    restricted: false,
    knockRestricted: false,
    creator: "content",
    privilegedCreators: false,
    createInAuthEvents: "required",
  },
}

const version2: RoomVersion = { ...version1, id: "2", stateResolution: "v2" }

const version3: RoomVersion = {
  ...version2,
  id: "3",
  eventId: "hash-standard",
  eventReferences: "ids",
  eventIdServerSigns: false,
  redaction: { ...version2.redaction, application: "held-until-both" },
}

const version4: RoomVersion = { ...version3, id: "4", eventId: "hash-url-safe" }

const version5: RoomVersion = { ...version4, id: "5", keyValidity: "enforced" }

const { "m.room.aliases": _aliases, ...contentKeysWithoutAliases } = version5.redaction.contentKeys
const version6: RoomVersion = {
  ...version5,
  id: "6",
  canonicalJson: "strict",
  depthMax: "2^53-1",
  redaction: { ...version5.redaction, contentKeys: contentKeysWithoutAliases },
  auth: {
    ...version5.auth,
    aliasesRule: false,
    notificationsLevels: true,
    levelForms: "integers-strings",
  },
}

const version7: RoomVersion = { ...version6, id: "7", auth: { ...version6.auth, knock: true } }

const version8: RoomVersion = {
  ...version7,
  id: "8",
  redaction: {
    ...version7.redaction,
    contentKeys: { ...version7.redaction.contentKeys, "m.room.join_rules": ["join_rule", "allow"] },
  },
  auth: { ...version7.auth, restricted: true },
}

const version9: RoomVersion = {
  ...version8,
  id: "9",
  redaction: {
    ...version8.redaction,
    contentKeys: {
      ...version8.redaction.contentKeys,
      "m.room.member": ["membership", "join_authorised_via_users_server"],
    },
  },
}

const version10: RoomVersion = {
  ...version9,
  id: "10",
  auth: { ...version9.auth, knockRestricted: true, levelForms: "integers" },
}

const version11: RoomVersion = {
  ...version10,
  id: "11",
  identifiersOnceInCodePoints: false,
  redaction: {
    ...version10.redaction,
    keepsHistoricalTopLevel: false,
    redactsIn: "content",
    keepsThirdPartySigned: true,
    contentKeys: {
      ...version10.redaction.contentKeys,
      "m.room.create": "all",
      "m.room.power_levels": [
        ...(version10.redaction.contentKeys["m.room.power_levels"] as readonly string[]),
        "invite",
      ],
      "m.room.redaction": ["redacts"],
    },
  },
  auth: { ...version10.auth, creator: "sender" },
}

const version12: RoomVersion = {
  ...version11,
  id: "12",
  roomIdIsCreateHash: true,
  stateResolution: "v2.1",
  auth: { ...version11.auth, privilegedCreators: true, createInAuthEvents: "forbidden" },
}

/** All stable room versions, oldest first. */
export const roomVersions: readonly RoomVersion[] = [
  version1,
  version2,
  version3,
  version4,
  version5,
  version6,
  version7,
  version8,
  version9,
  version10,
  version11,
  version12,
]

const byId = new Map(roomVersions.map((version) => [version.id, version]))

/** The version that `id` names, or undefined for one that this server does not know. */
export const roomVersion = (id: string): RoomVersion | undefined => byId.get(id)

/** §Room versions: what new rooms get unless asked otherwise. */
export const roomVersionDefault: RoomVersion = version12
