/**
 * Which addresses a homeserver may connect to: it follows names that strangers choose, and must not be led into the
 * networks that it stands in.
 */
import { Option, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

/** Not for the public (RFC 6890 and the registries that it began): loopback, private, link-local and the like. */
const reserved: readonly IpNetwork.IpNetwork[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/127",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "fc00::/7",
  "fe80::/10",
  "ff00::/8",
].map(IpNetwork.fromStringUnsafe)

/** The IPv4 addresses that IPv6 ones stand for: ::ffff:0:0/96, and 64:ff9b::/96 of NAT64 (RFC 6052). */
const translated = IpNetwork.fromStringUnsafe("64:ff9b::/96")

const meant = (address: NetAddress.IpAddress): NetAddress.IpAddress => {
  if (!NetAddress.isIpv6Address(address)) return address
  if (!IpNetwork.contains(translated, address)) {
    return Option.getOrElse(NetAddress.fromIpv4Mapped(address), () => address)
  }
  const [high, low] = NetAddress.ipv6ToSegments(address).slice(-2) as [number, number]
  return NetAddress.ipFromStringUnsafe([high >> 8, high & 255, low >> 8, low & 255].join("."))
}

/** Whether a connection to an address may be made. */
export type AddressPolicy = (address: string) => boolean

/** Public addresses, and those of `networks`. What is no address is refused. */
export const allowing =
  (networks: readonly IpNetwork.IpNetwork[]): AddressPolicy =>
  (text) => {
    const parsed = NetAddress.ipFromString(text)
    if (Result.isFailure(parsed)) return false
    const address = meant(parsed.success)
    const isIn = (network: IpNetwork.IpNetwork): boolean => IpNetwork.contains(network, address)
    return networks.some(isIn) || !reserved.some(isIn)
  }
