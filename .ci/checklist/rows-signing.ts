/** The user's checklist, chapters 25 to 27. */
import { aclDenies, type Part } from "./row.ts"

const core = "spec-impl/core"
const events = `${core}/events.test.ts`

export const signingPart: Part = {
  title: "ACLs, signing, security",
  rows: [
    {
      id: "25",
      title: "Server Access Control Lists (ACLs)",
      section: "§Server Access Control Lists",
      handler: "spec-impl/homeserver/room-acl.ts",
      test: aclDenies("GET /_matrix/federation/v1/state/{roomId}"),
      removal: {
        file: "spec-impl/homeserver/room-acl.ts",
        from: "aclAllows(dag, server)\n    ?",
        to: "dag !== undefined\n    ?",
      },
    },
    {
      id: "26",
      title: "Signing Events",
      section: "§Signing Events",
      handler: `${core}/signing.ts`,
      test: "spec-impl/homeserver/event-signatures.test.ts > an event needs the signature of > the server of its id as well, in rooms 1 and 2 only",
      removal: {
        file: `${core}/signing.ts`,
        from: "if (named !== undefined && !signers.includes(named)) signers.push(named)",
        to: "",
      },
    },
    {
      id: "26.1",
      title: "Adding hashes and signatures to outgoing events",
      section: "§Adding hashes and signatures to outgoing events",
      handler: `${core}/signing.ts`,
      test: "spec-impl/vectors.test.ts",
      removal: {
        file: `${core}/hash.ts`,
        from: `without(pdu, ["unsigned", "signatures", "hashes"])`,
        to: `without(pdu, ["signatures", "hashes"])`,
      },
    },
    {
      id: "26.2",
      title: "Validating hashes and signatures on received events",
      section: "§Validating hashes and signatures on received events",
      handler: "spec-impl/homeserver/vetting.ts",
      test: `${events} > who must have signed > signatures by unknown and expired keys do not count, all others must hold, and one must`,
      removal: {
        file: `${core}/signing.ts`,
        from: `if (outcomes.includes("invalid")) return "failed"`,
        to: "",
      },
    },
    {
      id: "26.3",
      title: "Calculating the reference hash for an event",
      section: "§Calculating the reference hash for an event",
      handler: `${core}/hash.ts`,
      test: `${events} > properties of all versions > redacting twice is redacting once, and leaves the reference hash as it was`,
      removal: {
        file: "spec-impl/core/hash.ts",
        from: 'canonicalJson(without(redact(pdu, version), ["signatures", "unsigned"]))',
        to: 'canonicalJson(without(pdu, ["signatures", "unsigned"]))',
      },
    },
    {
      id: "26.4",
      title: "Calculating the content hash for an event",
      section: "§Calculating the content hash for an event",
      handler: `${core}/hash.ts`,
      test: "spec-impl/vectors.test.ts",
      removal: {
        file: `${core}/hash.ts`,
        from: `without(pdu, ["unsigned", "signatures", "hashes"])`,
        to: `without(pdu, ["unsigned", "signatures"])`,
      },
    },
    {
      id: "26.5",
      title: "Example code",
      section: "§Example code, appendices §Test vectors",
      handler: `${core}/signing.ts`,
      test: "spec-impl/vectors.test.ts",
      removal: {
        file: `${core}/signing.ts`,
        from: `canonicalJsonBytes(without(object, ["signatures", "unsigned"]))`,
        to: "canonicalJsonBytes(object)",
      },
    },
    {
      id: "27",
      title: "Security considerations",
      section: "§Security considerations: crafted signatures are judged as libsodium judges them",
      handler: "spec-impl/homeserver/signatures/acceptance.ts",
      test: "spec-impl/homeserver/signatures/signatures.test.ts > crafted signatures",
      removal: {
        file: "spec-impl/homeserver/signatures/encodings.ts",
        from: "if (equalsIgnoringSign(point, y)) return true",
        to: "void y",
      },
    },
  ],
}
