/** Chapter 14 of the user's checklist, and what is newer than it: policy servers, and ACLs to their end. */
import { aclDenies, type Part } from "./row.ts"

const chapter = "spec-impl/federation/third-party-invites"
const invites = "sim/world/third-party-invites.test.ts"
const policy = "sim/world/policy-servers.test.ts"
const acl = "sim/world/server-acl.test.ts"

export const thirdPartyPart: Part = {
  title: "Third-party invites",
  rows: [
    {
      id: "14",
      title: "Third-party invites",
      section: "§Third-party invites; identity service API §Association lookup, §Invitation storage",
      handler: `${chapter}/third-party-invites.ts`,
      test: `${invites} > an identity server > that is away, refuses, or talks nonsense leaves no trace in the room`,
      removal: {
        file: `${chapter}/identity-servers.ts`,
        from: "first === undefined ? undefined : {",
        to: "{",
      },
    },
    {
      id: "14.1",
      title: "Cases where an association exists for a third-party identifier",
      section: "§Cases where an association exists for a third-party identifier",
      handler: `${chapter}/third-party-invites.ts`,
      test: `${invites} > an address that is bound > is the user's: an invite like any other`,
      removal: {
        file: `${chapter}/third-party-invites.ts`,
        from: ": invite(room, sender, userId)",
        to: `: Effect.fail(badAnswer("not done"))`,
      },
    },
    {
      id: "14.2",
      title: "Cases where an association doesn't exist for a third-party identifier",
      section: "§Cases where an association doesn't exist for a third-party identifier",
      handler: `${chapter}/third-party-invites.ts`,
      test: `${invites} > an address that is bound to nobody > the identity server tells once: the user's server goes on until the inviter's is there again`,
      removal: {
        file: `${chapter}/third-party-invites.ts`,
        from: "Effect.succeed(isFinal(failure))",
        to: "Effect.succeed(isFinal(failure) || true)",
      },
    },
    {
      id: "14.2.1",
      title: "PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}",
      section: "§Third-party invites",
      route: "PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}",
      handler: `${chapter}/third-party-invites.ts`,
      test: `${invites} > PUT /exchange_third_party_invite > has sent the invite when it answers, also to a server that asks again`,
    },
    {
      id: "14.2.2",
      title: "PUT /_matrix/federation/v1/3pid/onbind",
      section: "§Third-party invites",
      route: "PUT /_matrix/federation/v1/3pid/onbind",
      handler: `${chapter}/third-party-invites.ts`,
      test: `${invites} > PUT /3pid/onbind > is not signed, and refuses what is not of a user of this server`,
    },
    {
      id: "14.2.3",
      title: "Verifying the invite",
      section: "§Verifying the invite; client-server API §Third-party invites, key_validity_url",
      handler: `${chapter}/invitation.ts`,
      test: `${invites} > PUT /exchange_third_party_invite > asks whether the keys are still good, by the URL that the invite gives, and nobody else does`,
      removal: {
        file: `${chapter}/third-party-invites.ts`,
        from: "yield* checkKeys(yield* invitationIn(room, proof.token), proof)",
        to: "",
      },
    },
  ],
}

export const policyPart: Part = {
  title: "Policy servers",
  rows: [
    {
      id: "#36",
      title: "POST /_matrix/policy/v1/sign",
      section: "§Policy Servers",
      route: "POST /_matrix/policy/v1/sign",
      handler: "spec-impl/federation/policy/receive.ts",
      test: `${policy} > POST /_matrix/policy/v1/sign > gives its signature alone, or says why not`,
    },
    {
      id: "policy servers: asking",
      title: "Events are put before the room's policy server before they are sent",
      section: "§Asking for a Policy Server signature on an event",
      handler: "spec-impl/homeserver/policy-signatures.ts",
      test: `${policy} > a server that sends > asks for state and memberships as well, but not to name a policy server`,
      removal: {
        file: "spec-impl/homeserver/invitations.ts",
        from: "yield* putBeforePolicyServer(room, drafted)",
        to: "drafted",
      },
    },
    {
      id: "check 7",
      title: "An event without the policy server's signature is soft-failed, after asking once",
      section: "§Checks performed on receipt of a PDU, §Validating Policy Server signatures",
      handler: "spec-impl/homeserver/admission.ts",
      test: `${policy} > a server that receives > asks for a signature that is missing, or is by another key, and takes the event with it`,
      removal: {
        file: "spec-impl/homeserver/admission.ts",
        from: 'arrival === "new" ? yield* asRecommended(room, best) : best',
        to: "best",
      },
    },
    {
      id: "policy servers: joining",
      title: "A resident puts the joins of outsiders before the policy server",
      section: "§Policy Servers",
      handler: "spec-impl/homeserver/hosting-memberships.ts",
      test: `${policy} > who comes from outside > is put before the policy server by the resident, and gets the join as that signed it`,
      removal: {
        file: "spec-impl/homeserver/hosting-memberships.ts",
        from: "yield* asRecommended(room, given)",
        to: "given",
      },
    },
  ],
}

export const aclPart: Part = {
  title: "Server ACLs to their end",
  rows: [
    {
      id: "ACL on knocks",
      title: "make_knock and send_knock are protected",
      section: "§Server Access Control Lists (ACLs)",
      handler: "spec-impl/homeserver/hosting-memberships.ts",
      test: aclDenies("PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}"),
      removal: {
        file: "spec-impl/homeserver/hosting-memberships.ts",
        from: "yield* checkAcl(room, origin)",
        to: "",
      },
    },
    {
      id: "ACL on invites",
      title: "invite is protected, in both versions",
      section: "§Server Access Control Lists (ACLs)",
      handler: "spec-impl/homeserver/invitations.ts",
      test: aclDenies("PUT /_matrix/federation/v1/invite/{roomId}/{eventId}"),
      removal: {
        file: "spec-impl/homeserver/invitations.ts",
        from: "yield* checkAcl(room, origin)",
        to: "",
      },
    },
    {
      id: "ACL on PDUs",
      title: "PDUs are ignored by who sends them",
      section: "§Server Access Control Lists (ACLs)",
      handler: "spec-impl/homeserver/incoming.ts",
      test: `${acl} > /send > ignores each PDU by who sends it, whoever made it, and says so`,
      removal: {
        file: "spec-impl/homeserver/incoming-pdus.ts",
        from: "const isAllowed = () => aclAllows(room.dag, origin)",
        to: "const isAllowed = () => true",
      },
    },
    {
      id: "ACL on EDUs",
      title: "m.typing and m.receipt are ignored",
      section: "§Server Access Control Lists (ACLs), v1.13",
      handler: "spec-impl/federation/receipts/receipts.ts",
      test: `${acl} > /send > ignores typing and receipts of the room, and no others`,
      removal: {
        file: "spec-impl/federation/receipts/receipts.ts",
        from: "room === undefined || !aclAllows(room.dag, origin) ?",
        to: "room === undefined ?",
      },
    },
    {
      id: "ACL: names",
      title: "Server names match without their port",
      section: "client-server API §Server Access Control Lists",
      handler: "spec-impl/core/server-acl.ts",
      test: `${acl} > a server is denied > at any port: evil.example:8448`,
      removal: {
        file: "spec-impl/core/server-acl.ts",
        from: 'port === null ? serverName : serverName.slice(0, serverName.lastIndexOf(":"))',
        to: "port === null ? serverName : serverName",
      },
    },
  ],
}
