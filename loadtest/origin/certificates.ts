/** An authority of a day, and certificates by it: Node signs and reads X.509, but makes none (RFC 5280). */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { isIP } from "node:net"

/** A certificate and its key, in PEM. */
export interface TlsIdentity {
  readonly certificate: string
  readonly key: string
}

/** Vouches for servers. */
export interface Authority {
  /** In PEM. */
  readonly certificate: string
  /** A certificate for host names and IP addresses. */
  readonly issue: (...hosts: readonly string[]) => TlsIdentity
}

/** X.690 §8.1: tag, length, contents. */
const der = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(contents)
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body])
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, "0"), "hex")
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body])
}

const sequence = (...contents: readonly Uint8Array[]): Buffer => der(0x30, ...contents)
const set = (...contents: readonly Uint8Array[]): Buffer => der(0x31, ...contents)
const integer = (bytes: Uint8Array): Buffer => der(0x02, bytes)
const octets = (bytes: Uint8Array): Buffer => der(0x04, bytes)
const bits = (bytes: Uint8Array): Buffer => der(0x03, Buffer.from([0]), bytes)
const text = (value: string): Buffer => der(0x0c, Buffer.from(value))
const yes = der(0x01, Buffer.from([0xff]))

/** X.690 §8.19: the first two numbers in one byte, each other one in base 128. */
const identifier = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const bytes = rest.flatMap((number) => {
    const digits = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]))
}

const time = (ms: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`))

const name = (commonName: string): Buffer => sequence(set(sequence(identifier("2.5.4.3"), text(commonName))))

const ecdsaWithSha256 = sequence(identifier("1.2.840.10045.4.3.2"))

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(identifier(id), ...(isCritical ? [yes] : []), octets(value))

const ofAuthority: readonly Buffer[] = [
  // Basic constraints: an authority; key usage: signs certificates.
  extension("2.5.29.19", true, sequence(yes)),
  extension("2.5.29.15", true, der(0x03, Buffer.from([2, 0x04]))),
]

const nameOfHost = (host: string): Buffer => {
  const address = isIP(host)
  if (address === 0) return der(0x82, Buffer.from(host))
  return der(0x87, address === 4 ? Buffer.from(host.split(".").map(Number)) : ipv6Bytes(host))
}

const ofServer = (hosts: readonly string[]): readonly Buffer[] => [
  // Subject alternative names; extended key usage: a TLS server.
  extension("2.5.29.17", false, sequence(...hosts.map(nameOfHost))),
  extension("2.5.29.37", false, sequence(identifier("1.3.6.1.5.5.7.3.1"))),
]

const ipv6Bytes = (host: string): Buffer => {
  const [head = "", tail] = host.split("::") as [string, string?]
  const groupsOf = (part: string): string[] => (part === "" ? [] : part.split(":"))
  const [left, right] = [groupsOf(head), groupsOf(tail ?? "")]
  const gap = Array<string>(tail === undefined ? 0 : 8 - left.length - right.length).fill("0")
  return Buffer.from([...left, ...gap, ...right].map((group) => group.padStart(4, "0")).join(""), "hex")
}

const dayMs = 86_400_000

interface Issued {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly extensions: readonly Buffer[]
}

const issue = ({ subject, publicKey, issuer, issuerKey, extensions }: Issued): string => {
  const now = Date.now()
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    name(issuer),
    sequence(time(now - dayMs), time(now + 30 * dayMs)),
    name(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  )
  const certificate = sequence(toBeSigned, ecdsaWithSha256, bits(sign("sha256", toBeSigned, issuerKey)))
  const lines = certificate.toString("base64").replace(/.{1,64}/g, "$&\n")
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`
}

const makeKeys = () => generateKeyPairSync("ec", { namedCurve: "prime256v1" })

/** Makes an authority that nobody knew before, valid for a month, as is all that it issues. */
export const makeAuthority = (): Authority => {
  const { publicKey, privateKey } = makeKeys()
  const subject = `netsplit load ${randomBytes(4).toString("hex")}`
  const own = { subject, publicKey, issuer: subject, issuerKey: privateKey, extensions: ofAuthority }
  return {
    certificate: issue(own),
    issue: (...hosts) => {
      const keys = makeKeys()
      const certificate = issue({
        subject: hosts[0] ?? "nobody",
        publicKey: keys.publicKey,
        issuer: subject,
        issuerKey: privateKey,
        extensions: ofServer(hosts),
      })
      return { certificate, key: keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string }
    },
  }
}
