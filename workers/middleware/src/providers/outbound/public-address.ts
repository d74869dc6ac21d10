import ipaddr from 'ipaddr.js';

type Range = readonly [network: string, prefixBits: number];

/** What else no request may reach, though no registry calls it private. */
const OTHER_REFUSED: readonly Range[] = [
  // Azure's own services inside of each virtual machine: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  ['168.63.129.16', 32],
  // Not announced to the Internet (RFC 7335 and RFC 6890 name its parts; the whole is reserved for protocols).
  ['192.0.0.0', 24],
];

/** All of the Internet that speaks IPv6 lies in here (RFC 4291 §2.4); the rest is kept for other uses, or for none yet. */
const GLOBAL_IPV6: Range = ['2000::', 3];

/**
 * Whether an address is one of the public Internet and of nothing else: not private, loopback, link-local or shared, and no
 * other spelling of an IPv4 address, as a gateway on the way could undo it. False for what is no address.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6') return isIn(address, GLOBAL_IPV6);
  return !OTHER_REFUSED.some((range) => isIn(address, range));
}

function isIn(address: ReturnType<typeof ipaddr.parse>, [network, prefixBits]: Range): boolean {
  return address.match(ipaddr.parse(network), prefixBits);
}
