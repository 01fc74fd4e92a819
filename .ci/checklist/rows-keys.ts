/** Keys and transactions: what servers do beyond the endpoints of the user's checklist. */
import type { Part, Row } from "./row.ts"

const homeserver = "spec-impl/homeserver"
const federation = "spec-impl/federation"
const identity = `${homeserver}/identity.test.ts`
const known = `${homeserver}/known-keys.test.ts`
const fetching = `${homeserver}/key-fetching.test.ts`
const eventSignatures = `${homeserver}/event-signatures.test.ts`
const rotation = "sim/world/key-rotation.test.ts"
const received = "sim/world/transactions.test.ts > a transaction that is received"
const repeated = "sim/world/transactions.test.ts > a transaction that is repeated"
const sent = "sim/world/transactions.test.ts > transactions that are sent"

const keys: readonly Row[] = [
  {
    id: "key rotation",
    title: "A new signing key while the server runs",
    section: "§Publishing Keys: verify_keys",
    handler: `${homeserver}/identity.ts`,
    test: `${identity} > a rotated key > is published at once, signs what is published, and leaves the one before as an old one`,
    removal: {
      file: `${homeserver}/key-ring.ts`,
      from: "published?.keyId !== keyId || nowMs - published.signedTs > signedAnewAfterMs",
      to: "published === undefined || nowMs - published.signedTs > signedAnewAfterMs",
    },
  },
  {
    id: "key rotation, restart",
    title: "A restart finds the key that signed last",
    section: "§Publishing Keys: old_verify_keys",
    handler: `${homeserver}/identity.ts`,
    test: `${rotation} > a restart goes on with the rotated key, and with what it has heard of others' keys`,
    removal: {
      file: `${homeserver}/identity.ts`,
      from: "yield* store.commit({ records: [{ collection, key: keyId, value }] })",
      to: "",
    },
  },
  {
    id: "old_verify_keys, events",
    title: "An old key proves events up to when it expired, in every room version",
    section: "§Validating hashes and signatures on received events",
    handler: `${homeserver}/known-keys.ts`,
    test: `${rotation} > the key before > proves no event that is dated after it expired, in any room version`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: "expiredTs !== undefined && expiredTs < originServerTs",
      to: "false",
    },
  },
  {
    id: "old_verify_keys, requests",
    title: "An old key proves no request",
    section: "§Publishing Keys: old_verify_keys are only valid for signing events",
    handler: `${homeserver}/known-keys.ts`,
    test: `${rotation} > the key before > proves no request any more`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: "known?.isCurrent && goodUntilTs(known, this.#readings, nowMs) >= nowMs",
      to: "known !== undefined",
    },
  },
  {
    id: "key validity by room version",
    title: "valid_until_ts binds events from room version 5 on",
    section: "rooms/v5 §Signing key validity period",
    handler: `${homeserver}/known-keys.ts`,
    test: `${eventSignatures} > the validity of keys > binds events from room version 5 on; that a key has expired counts in all`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: `if (keyValidity === "enforced") {`,
      to: `if (keyValidity !== "enforced") {`,
    },
  },
  {
    id: "key validity, seven days",
    title: "A valid_until_ts in the far future is believed for seven days",
    section: "rooms/v5 §Signing key validity period (divergence 17)",
    handler: `${homeserver}/known-keys.ts`,
    test: `${known} > a valid_until_ts in the far future (divergence 17) > is believed for seven days after the keys were heard`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: `if (clamp === "none") return validUntilTs`,
      to: "if (clamp !== undefined) return validUntilTs",
    },
  },
  {
    id: "key validity, refetch",
    title: "Keys whose validity does not reach to an event are asked for again",
    section: "rooms/v5 §Signing key validity period",
    handler: `${homeserver}/event-signatures.ts`,
    test: `${eventSignatures} > the validity of keys > is asked about again, once, when it does not reach to the event`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: "return known === undefined || known.isCurrent",
      to: "return known === undefined",
    },
  },
  {
    id: "several signatures",
    title: "Unknown keys are skipped, every known one must verify, and there must be one",
    section: "§Validating hashes and signatures on received events (v1.19)",
    handler: "spec-impl/core/signing.ts",
    test: `${eventSignatures} > of several signatures of one server > those by unknown keys do not count, and all others must hold`,
    removal: {
      file: "spec-impl/core/signing.ts",
      from: `return outcomes.includes("valid") ? "verified" : "unverifiable"`,
      to: `return outcomes.every((outcome) => outcome === "valid") ? "verified" : "unverifiable"`,
    },
  },
  {
    id: "several signatures, policy server",
    title: "A policy server's signature is no signature of its server",
    section: "§Validating hashes and signatures on received events (v1.19)",
    handler: "spec-impl/core/signing.ts",
    test: `${eventSignatures} > of several signatures of one server > a policy server's counts neither way, though its key be published`,
    removal: {
      file: "spec-impl/core/signing.ts",
      from: "filter(([keyId]) => keyId !== policyServerKeyId)",
      to: "filter(([keyId]) => keyId !== '')",
    },
  },
  {
    id: "notary fallback",
    title: "What its server does not give is asked of each notary in turn",
    section: "§Querying Keys Through Another Server",
    handler: `${homeserver}/key-fetching.ts`,
    test: `${fetching} > notaries > are asked in turn until one has the key: the first may have heard of an older one only`,
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: "if (notary === serverName || asked.size === 0) continue",
      to: "if (notary === serverName || asked.size === 0 || notary !== notaries[0]) continue",
    },
  },
  {
    id: "notary fallback, minimum_valid_until_ts",
    title: "Notaries are told until when a key must be good",
    section: "rooms/v5 §Signing key validity period",
    handler: `${homeserver}/key-fetching.ts`,
    test: `${fetching} > notaries > are asked for keys of a server that is gone, with the time until when they must be good`,
    removal: {
      file: `${homeserver}/key-fetching.ts`,
      from: "{ minimum_valid_until_ts: untilTs }",
      to: "{ minimum_valid_until_ts: untilTs * 0 }",
    },
  },
  {
    id: "notary that lies",
    title: "A server's own word stands above a notary's",
    section: "§Querying Keys Through Another Server",
    handler: `${homeserver}/known-keys.ts`,
    test: `${fetching} > notaries > that lied are not believed any more once the server speaks for itself`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: `if (isOwnWord && known.toldBy === "notary") keys.set(keyId, key)`,
      to: "",
    },
  },
  {
    id: "key id used again",
    title: "A key id stands for the first key that its server told",
    section: "§Publishing Keys (as Synapse and Dendrite have it)",
    handler: `${homeserver}/known-keys.ts`,
    test: `${known} > a key id that is used again for another key > stands for the first one that its server told`,
    removal: {
      file: `${homeserver}/known-keys.ts`,
      from: "if (known.key !== key.key) {",
      to: "if (known.key.length === 0) {",
    },
  },
  {
    id: "keys of servers that are gone",
    title: "A restart forgets no key that was heard",
    section: "§Querying Keys Through Another Server",
    handler: `${homeserver}/key-holders.ts`,
    test: `${fetching} > a restart > forgets no key of a server that is gone by then, nor what each is good for`,
    removal: {
      file: `${homeserver}/key-holders.ts`,
      from: "if (holder !== undefined) holders.set(server, holder)",
      to: "",
    },
  },
  {
    id: "X-Matrix, several headers",
    title: "One Authorization header for each key: unknown keys do not count, all others must hold",
    section: "§Request Authentication",
    handler: `${federation}/authenticate.ts`,
    test: `${federation}/federation.test.ts > a request with several signatures > is good where one is by a current key and no known one is wrong`,
    removal: {
      file: `${federation}/x-matrix.ts`,
      from: `(character === "," && !isQuoted && nextOne.test(headers))`,
      to: "false",
    },
  },
  {
    id: "X-Matrix, destination",
    title: "A request for another server is refused",
    section: "§Request Authentication (v1.3)",
    handler: `${federation}/authenticate.ts`,
    test: `${federation}/federation.test.ts > authentication refuses > another destination`,
    removal: {
      file: `${federation}/authenticate.ts`,
      from: "({ destination = serverName }) => destination !== serverName",
      to: "({ destination = serverName }) => destination === undefined",
    },
  },
]

const transactions: readonly Row[] = [
  {
    id: "transactions, limits",
    title: "Fifty PDUs and a hundred EDUs at most",
    section: "§Transactions",
    handler: `${federation}/transactions/api.ts`,
    test: `${received} > is refused when it breaks the limits or is no JSON, and nothing of it is taken in`,
    removal: {
      file: `${federation}/transactions/api.ts`,
      from: ".check(Schema.isMaxLength(transactionEdusMax))",
      to: "",
    },
  },
  {
    id: "transactions, limits of what is sent",
    title: "What waits is sent by fifty, in its order",
    section: "§Transactions",
    handler: `${homeserver}/destination.ts`,
    test: `${sent} > hold fifty PDUs at most, in their order`,
    removal: {
      file: `${homeserver}/destination.ts`,
      from: "takePending(destination, transactionPdusMax)",
      to: "takePending(destination, 2 * transactionPdusMax)",
    },
  },
  {
    id: "transactions, one bad PDU",
    title: "A PDU that is no event fails alone",
    section: "§Transactions; rooms/v6 §Canonical JSON (divergence 9)",
    handler: `${homeserver}/incoming.ts`,
    test: `${received} > with bad PDUs among fifty: each has its error, the others are taken in (divergence 9)`,
    removal: {
      file: "spec-impl/homeserver/incoming.ts",
      from: "if (eventId !== undefined) pdus[eventId] = result",
      to: 'pdus[eventId ?? "?"] = result',
    },
  },
  {
    id: "transactions, EDUs",
    title: "What is wrong with an EDU is not told",
    section: "§EDUs",
    handler: `${homeserver}/incoming.ts`,
    test: `${received} > with EDUs that make no sense says nothing of them, and takes in the others`,
    removal: {
      file: `${federation}/transactions/api.ts`,
      from: "Schema.Array(AnyJson).check(Schema.isMaxLength(transactionEdusMax))",
      to: "Schema.Array(AnyJsonObject).check(Schema.isMaxLength(transactionEdusMax))",
    },
  },
  {
    id: "transactions, idempotence",
    title: "One id of one origin is one transaction, also while it is at work",
    section: "§Transactions",
    handler: `${homeserver}/incoming.ts`,
    test: `${repeated} > while it is at work is taken in once, and all are answered`,
    removal: {
      file: `${homeserver}/incoming.ts`,
      from: "if (running !== undefined) return Fiber.join(running)",
      to: "",
    },
  },
  {
    id: "transactions, idempotence after a restart",
    title: "Answers outlive a restart",
    section: "§Transactions",
    handler: `${homeserver}/incoming.ts`,
    test: `${repeated} > after a restart is answered as before`,
    removal: {
      file: `${homeserver}/incoming.ts`,
      from: "if (known !== undefined) return known",
      to: "",
    },
  },
  {
    id: "transactions, answers forgotten",
    title: "Answers are kept for a day",
    section: "§Transactions (no time is named)",
    handler: `${homeserver}/incoming.ts`,
    test: `${repeated} > is remembered for a day, and harmless after that`,
    removal: {
      file: `${homeserver}/incoming.ts`,
      from: "...(isClearing ? { answersForgottenBefore: answeredTs - answersKeptMs } : {}),",
      to: "",
    },
  },
  {
    id: "transactions, repeated to the byte",
    title: "An unanswered transaction is sent again as it was, also after a crash",
    section: "§Transactions",
    handler: `${homeserver}/destinations.ts`,
    test: `${sent} > are the same to the byte after a crash of who sends them`,
    removal: {
      file: `${homeserver}/destinations.ts`,
      from: "origin_server_ts: originServerTs,",
      to: "origin_server_ts: clock.currentTimeMillisUnsafe(),",
    },
  },
  {
    id: "transactions, back-off",
    title: "A server that refuses for ever loses nothing, and is asked ever less often",
    section: "§Transactions",
    handler: `${homeserver}/destinations.ts`,
    test: `${sent} > are repeated to the byte until they are answered, ever less often, whatever the other server says`,
    removal: {
      file: `${homeserver}/destinations.ts`,
      from: "settings.retryMsMin * 2 ** Math.max(0, destination.failures - 1)",
      to: "settings.retryMsMin",
    },
  },
  {
    id: "transactions, catch-up",
    title: "After an outage the forward extremities of what was missed are sent",
    section: "§Transactions, §Backfilling and retrieving missing events",
    handler: `${homeserver}/destination.ts`,
    test: `${sent} > after an outage hold the room's forward extremities, also where others spoke in between`,
    removal: {
      file: `${homeserver}/destination.ts`,
      from: "destination.covered = dropCovered(destination.missed, dagOf)",
      to: "",
    },
  },
]

export const keysPart: Part = { title: "Keys and transactions", rows: [...keys, ...transactions] }
