import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './public-address.ts';

describe('isPublicAddress', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
  ])('is true of %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ['this network', '0.0.0.0', '0.1.2.3'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.1', '192.0.0.170'],
    ['shared (CGNAT), cloud metadata there', '100.64.0.1', '100.100.100.200'],
    ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
    ['link-local, cloud metadata there', '169.254.169.254', '169.254.170.2', 'fe80::1', 'fe80::1%eth0'],
    ['Azure inside of a machine', '168.63.129.16'],
    ['documentation and benchmarks', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '2001:db8::1', '2001:2::1', '3fff::1'],
    ['multicast, broadcast and reserved', '224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', 'ff02::1'],
    ['relays', '192.88.99.1', '192.52.193.1', '192.31.196.1', '192.175.48.1'],
    ['unique local', 'fc00::1', 'fd00:ec2::254'],
    ['IPv4 in IPv6', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1'],
    ['NAT64, its local range too', '64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::7f00:1'],
    ['6to4 and Teredo', '2002:7f00:1::1', '2002:808:808::1', '2001:0:7f00:1::1'],
    ['unspecified, discard, site-local', '::', '100::1', 'fec0::1'],
    ['not of the Internet, nor of anything yet', '4000::1', '5f00::1', '8000::1', 'e000::1'],
    [
      'no address',
      '',
      'localhost',
      '127.1',
      '0x7f000001',
      '2130706433',
      '010.0.0.1',
      '1.1.1.1.',
      '1.1.1',
      '1.1.1.1:443',
      '[::1]',
      ' 1.1.1.1',
    ],
  ])('is false of what is %s', (_name, ...addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });
});
