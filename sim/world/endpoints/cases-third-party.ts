/** Invites by address, and being asked for a signature as a policy server. */
import { Effect } from "effect"
import { expect } from "vitest"
import { encodeBase64 } from "#spec-impl/core/base64.ts"
import type { JsonObject } from "#spec-impl/core/json/value.ts"
import { signJson } from "#spec-impl/core/signing.ts"
import { nativeSignatures } from "#spec-impl/homeserver/signatures/native.ts"
import { makeSigningKey } from "#spec-impl/homeserver/signatures/signing-key.ts"
import { craftPdu, message } from "../testing/craft-event.ts"
import type { Played } from "../testing/play.ts"
import { casesOf, get, path, post, put } from "./cases.ts"

const alice = "@alice:s1"
const bob = "@bob:s2"
const signatures = nativeSignatures("libsodium")
/** The identity server's, whom nobody has to ask: the invites name no URL at which its keys are looked up. */
const identityKey = makeSigningKey(signatures, "ed25519:0", new Uint8Array(32).fill(7))

const proofOf = (mxid: string): JsonObject =>
  signJson({ mxid, token: "t1" }, "id1", identityKey.keyId, (bytes) =>
    signatures.sign(identityKey.seed, bytes),
  )

/** Alice's room on s1, in which an address is invited that is Bob's of s2. */
const invitedByAddress = Effect.fnUntraced(function* ({ stage }: Played) {
  const roomId = yield* stage.user(alice).createRoom({ joinRule: "invite" })
  const key = encodeBase64(identityKey.publicKey)
  const content = { display_name: "b...@e...", public_key: key, public_keys: [{ public_key: key }] }
  yield* stage.user(alice).setState(roomId, "m.room.third_party_invite", content, "t1")
  return { roomId, room: path(roomId) }
})

/** The partial event that is exchanged for an invite. */
const exchange = (room: string, roomId: string, more: JsonObject = {}, target = bob) =>
  put(`exchange_third_party_invite/${room}`, {
    type: "m.room.member",
    room_id: roomId,
    sender: alice,
    state_key: target,
    content: {
      membership: "invite",
      third_party_invite: { display_name: "b...@e...", signed: proofOf(target) },
    },
    ...more,
  })

const binding = (roomId: string, mxid: string): JsonObject => ({
  medium: "email",
  address: "anna@example.org",
  mxid,
  invites: [
    {
      medium: "email",
      address: "anna@example.org",
      mxid,
      room_id: roomId,
      sender: alice,
      signed: proofOf(mxid),
    },
  ],
})

export const thirdPartyCases = casesOf(invitedByAddress, {
  "PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}": {
    succeeds: ({ room, roomId }) => exchange(room, roomId),
    answers: () => ({}),
    refuses: {
      "400 M_BAD_JSON": ({ room, roomId }) => exchange(room, roomId, { state_key: 7 }),
      "403 M_FORBIDDEN": ({ room, roomId }) => [
        exchange(room, roomId, {}, "@carol:s3"),
        exchange(room, roomId, { sender: "@nobody:s1" }),
      ],
      "404 M_NOT_FOUND": ({ roomId }) =>
        exchange(path("!nowhere:s1"), "!nowhere:s1", { room_id: roomId === "" ? "" : "!nowhere:s1" }),
    },
  },
  "PUT /_matrix/federation/v1/3pid/onbind": {
    succeeds: ({ roomId }) => put("3pid/onbind", binding(roomId, "@anna:s1")),
    answers: () => ({}),
    refuses: {
      "400 M_BAD_JSON": () => put("3pid/onbind", { mxid: "@anna:s1" }),
      "400 M_INVALID_PARAM": ({ roomId }) => put("3pid/onbind", binding(roomId, bob)),
    },
  },
})

/** Alice's room, which s1 protects as its policy server from all spam; Bob of s2 is in it. */
const protectedRoom = Effect.fnUntraced(function* ({ stage }: Played) {
  const roomId = yield* stage.user(alice).createRoom()
  yield* stage.user(bob).join(roomId, "s1")
  const policy = { via: "s1", public_keys: { ed25519: stage.policyServerKeyOf("s1") } }
  yield* stage.user(alice).setState(roomId, "m.room.policy", policy)
  yield* stage.quiet
  return { roomId }
})

const said = (body: string) =>
  Effect.fnUntraced(function* ({ roomId }: { readonly roomId: string }, played: Played) {
    return post("/_matrix/policy/v1/sign", yield* craftPdu(played, "s2", roomId, message(bob, body)))
  })

const noSpam = {
  settingsOf: (server: string) =>
    server === "s1"
      ? {
          policy: ({ content }: { readonly content: JsonObject }) =>
            content.body === "spam" ? "no spam" : undefined,
        }
      : {},
}

export const policyCases = casesOf(
  protectedRoom,
  {
    "GET /.well-known/matrix/policy_server": {
      succeeds: () => get("/.well-known/matrix/policy_server"),
      answers: () => ({ public_keys: { ed25519: expect.stringMatching(/^[A-Za-z0-9+/]{43}$/) } }),
      refuses: { "404 M_NOT_FOUND": () => ({ ...get("/.well-known/matrix/policy_server"), to: "s3" }) },
    },
    "POST /_matrix/policy/v1/sign": {
      succeeds: said("hello"),
      answers: () => ({ s1: { "ed25519:policy_server": expect.any(String) } }),
      roomOf: ({ roomId }) => roomId,
      refuses: {
        "400 M_BAD_JSON": ({ roomId }) => post("/_matrix/policy/v1/sign", { room_id: roomId }),
        "400 M_NOT_JSON": ({ roomId }) => ({
          ...post("/_matrix/policy/v1/sign", { room_id: roomId }),
          bytes: new TextEncoder().encode("no"),
        }),
        "400 M_FORBIDDEN": said("spam"),
        "404 M_NOT_FOUND": () => post("/_matrix/policy/v1/sign", { room_id: "!nowhere:s1" }),
        "404 M_UNRECOGNIZED": Effect.fnUntraced(function* (scene, played) {
          return { ...(yield* said("hello")(scene, played)), to: "s3" }
        }),
        "429 M_LIMIT_EXCEEDED": {
          options: {
            settingsOf: (server) => ({
              ...noSpam.settingsOf(server),
              policyRequestsPerMinuteMax: server === "s1" ? 0 : 1_000,
            }),
          },
          asks: () => post("/_matrix/policy/v1/sign", {}),
        },
      },
    },
  },
  noSpam,
)
