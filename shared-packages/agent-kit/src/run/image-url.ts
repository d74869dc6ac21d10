import { isIP } from 'node:net';
import { RubotError } from '@rubot/errors';

/** Which images of a client a model may be pointed to; `data:` always. */
export type ImageHosts = 'any' | 'public';

/** Names that mean something else inside of a network than outside: RFC 6761, RFC 6762, RFC 8375, and ICANN's `internal`. */
const PRIVATE_NAME = /(?:^|\.)(?:localhost|localdomain|local|internal|home\.arpa|lan|intranet|corp|home|test|invalid|onion)$/;

/**
 * A server that runs beside us reads images from inside our network, where a client must not reach. What a public name
 * resolves to is known to that server alone, which has to keep its own way out closed as well.
 *
 * @throws RubotError `invalid_request`
 */
export function toImageUrl(text: string, hosts: ImageHosts, param: string): URL {
  const url = new URL(text);
  if (url.protocol === 'data:' || isReadable(url, hosts)) return url;
  const allowed = hosts === 'any' ? 'an http(s) url' : 'an https url with the name of a public host';
  throw new RubotError('invalid_request', `Invalid value for '${param}': must be ${allowed}, or a data: url with the image itself.`, {
    param,
  });
}

function isReadable({ protocol, hostname }: URL, hosts: ImageHosts): boolean {
  if (hosts === 'any') return protocol === 'https:' || protocol === 'http:';
  return protocol === 'https:' && isPublicName(hostname.replace(/\.$/, ''));
}

/** No address counts as one, as hardly any has a certificate; parsing has already spelled out such as `0x7f.1`. */
function isPublicName(hostname: string): boolean {
  const isAddress = hostname.startsWith('[') || isIP(hostname) !== 0;
  return !isAddress && hostname.includes('.') && !PRIVATE_NAME.test(hostname);
}
