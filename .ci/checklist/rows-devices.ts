/** The user's checklist, chapters 21 to 23, and what belongs to them: devices, their keys, and messages between them. */
import type { Part } from "./row.ts"

const devices = "spec-impl/federation/devices"
const encryption = "spec-impl/federation/encryption"
const toDevice = "spec-impl/federation/to-device/to-device.ts"
const lists = "sim/world/device-lists.test.ts"
const keys = "sim/world/encryption.test.ts"
const messages = "sim/world/to-device.test.ts"

export const devicesPart: Part = {
  title: "Devices, end-to-end encryption, send-to-device messages",
  rows: [
    {
      id: "21",
      title: "Device Management",
      section: "§Device Management: a list follows its updates, and is fetched anew where one is missed",
      handler: `${devices}/remote-devices.ts`,
      test: `${lists} > m.device_list_update > that was lost shows in the next one, and the list is fetched`,
      removal: {
        file: `${devices}/remote-list.ts`,
        from: `if (!follows || streamId < Math.max(...streamIds)) return "gap"`,
        to: "",
      },
    },
    {
      id: "21.1",
      title: "GET /_matrix/federation/v1/user/devices/{userId}",
      section: "§Device Management",
      route: "GET /_matrix/federation/v1/user/devices/{userId}",
      handler: `${devices}/receive.ts`,
      test: `${lists} > GET /user/devices > tells devices and cross-signing keys, to whoever signs, of this server's users`,
    },
    {
      id: "21.2",
      title: "m.device_list_update schema",
      section: "§Device Management",
      handler: `${devices}/own-list.ts`,
      test: `${lists} > a user's devices > are told to the servers that share a room, to no others, and each change costs no more than its EDU`,
      removal: {
        file: `${devices}/own-list.ts`,
        from: `edu: { edu_type: "m.device_list_update", content },`,
        to: `edu: { edu_type: "x", content },`,
      },
    },
    {
      id: "cross-signing keys in user/devices",
      title: "Cross-signing keys in GET /user/devices (v1.1)",
      section: "§Device Management",
      handler: `${devices}/own-list.ts`,
      test: `${lists} > GET /user/devices > tells devices and cross-signing keys, to whoever signs, of this server's users`,
      removal: {
        file: `${devices}/own-list.ts`,
        from: "...(list.masterKey === undefined ? {} : { master_key: list.masterKey }),",
        to: "",
      },
    },
    {
      id: "22",
      title: "End-to-End Encryption",
      section: "§End-to-End Encryption; client-server API §Uploading keys: a device signs its own keys",
      handler: `${devices}/local-devices.ts`,
      test: `${keys} > a device's keys > are its own, whole, and signed by itself`,
      removal: {
        file: `${devices}/local-devices.ts`,
        from: "if (!isSignedBy(read, userId, signingKey, verify))",
        to: "if (false)",
      },
    },
    {
      id: "22.1",
      title: "POST /_matrix/federation/v1/user/keys/claim",
      section: "§End-to-End Encryption: each one-time key is returned at most once",
      route: "POST /_matrix/federation/v1/user/keys/claim",
      handler: `${encryption}/one-time-keys.ts`,
      test: `${keys} > one-time keys > are never given twice, however many ask at once, from everywhere`,
      removal: {
        file: `${encryption}/one-time-keys.ts`,
        from: "whenKept.push(() => stock.oneTime.set(keyId, oneTime))",
        to: "",
      },
    },
    {
      id: "fallback keys",
      title: "Fallback keys (v1.2)",
      section: "§End-to-End Encryption; client-server API §One-time and fallback keys",
      handler: `${encryption}/one-time-keys.ts`,
      test: `${keys} > one-time keys > are given in the order of uploading, each once; then the fallback key, again and again`,
      removal: {
        file: `${encryption}/one-time-keys.ts`,
        from: "return fallback === undefined ? undefined : { ...fallback, oneTime: undefined }",
        to: "return fallback === undefined ? undefined : undefined",
      },
    },
    {
      id: "22.2",
      title: "POST /_matrix/federation/v1/user/keys/query",
      section: "§End-to-End Encryption",
      route: "POST /_matrix/federation/v1/user/keys/query",
      handler: `${encryption}/device-key-queries.ts`,
      test: `${keys} > a device's keys > are told of every user, by its own server, with its name, without what others signed`,
    },
    {
      id: "EDU m.signing_key_update",
      title: "m.signing_key_update (v1.1)",
      section: "§End-to-End Encryption",
      handler: `${devices}/remote-devices.ts`,
      test: `${lists} > m.signing_key_update > tells new cross-signing keys; signatures by them come as updates of the devices`,
      removal: {
        file: `${devices}/remote-devices.ts`,
        from: `["m.signing_key_update", "org.matrix.signing_key_update"]`,
        to: `["org.matrix.signing_key_update"]`,
      },
    },
    {
      id: "23",
      title: "Send-to-device messaging",
      section: "§Send-to-device messaging; client-server API §Send-to-Device messaging",
      handler: toDevice,
      test: `${messages} > messages > reach devices here and elsewhere, one or all; those for nobody are gone`,
      removal: {
        file: toDevice,
        from: `given === "*" ? known : known.filter`,
        to: `false ? known : known.filter`,
      },
    },
    {
      id: "23.1",
      title: "m.direct_to_device schema",
      section: "§Send-to-device messaging: only a sender's own server speaks for it",
      handler: toDevice,
      test: `${messages} > m.direct_to_device > is believed of the sending server's own users, in its form; what is wrong in it harms nothing else`,
      removal: {
        file: toDevice,
        from: "if (read === undefined || domainOf(read.sender) !== origin) return Effect.void",
        to: "if (read === undefined) return Effect.void",
      },
    },
    {
      id: "to-device dedupe",
      title: "m.direct_to_device: idempotent by message_id",
      section: "§Send-to-device messaging",
      handler: toDevice,
      test: `${messages} > m.direct_to_device > counts once by its server and id, in whatever transaction it comes`,
      removal: { file: toDevice, from: "if (known?.has(messageId)) return", to: "" },
    },
  ],
}
