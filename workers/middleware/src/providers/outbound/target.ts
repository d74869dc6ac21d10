import { RubotError } from '@rubot/errors';
import { type HostPattern, isListed } from './host-list.ts';
import { isPublicAddress } from './public-address.ts';

export interface TargetRules {
  readonly hosts: readonly HostPattern[];
  /** Exempt from https and from every rule on addresses; there are none outside of development. */
  readonly privateHosts: readonly HostPattern[];
}

/** Where a request may go, as far as its URL tells. */
export interface Target {
  readonly url: URL;
  /** The name that has to be looked up before; `undefined` for an address, and for a host of `privateHosts`. */
  readonly nameToResolve: string | undefined;
}

/** @throws RubotError `invalid_request` with words for whoever wrote the URL */
export function checkTarget(text: string, { hosts, privateHosts }: TargetRules): Target {
  const url = parseUrl(text);
  if (url.username !== '' || url.password !== '') throw refuse('The URL must not hold a user or password. Store them as the credential.');
  if (/^https?:$/.test(url.protocol) && isListed(privateHosts, url)) return { url, nameToResolve: undefined };
  if (url.protocol !== 'https:') throw refuse('The URL must begin with https://.');
  if (!isListed(hosts, url)) {
    throw refuse(`${url.host} is not a host that this deployment may reach. Its operator lists those in OUTBOUND_HOSTS.`);
  }
  const address = toAddress(url.hostname);
  if (address === undefined && isLocalName(url.hostname)) throw refuse(`${url.host} is not a name of the public Internet.`);
  if (address === undefined) return { url, nameToResolve: url.hostname };
  if (!isPublicAddress(address)) throw refuse(`${url.host} is not an address of the public Internet.`);
  return { url, nameToResolve: undefined };
}

function parseUrl(text: string): URL {
  // A server of another making could read past what the URL standard drops without a word.
  if (/[\s\\]/.test(text) || !URL.canParse(text)) throw refuse('The URL is not valid.');
  return new URL(text);
}

/** The URL standard has spelled out every address by now, be it octal, hexadecimal or one number. */
function toAddress(hostname: string): string | undefined {
  if (hostname.startsWith('[')) return hostname.slice(1, -1);
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) ? hostname : undefined;
}

/** Means something else in each network, whatever a resolver of the Internet says: https://www.iana.org/assignments/special-use-domain-names */
function isLocalName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  return !name.includes('.') || /\.(?:localhost|local|internal|home\.arpa|onion)$/.test(name);
}

function refuse(message: string): RubotError {
  return new RubotError('invalid_request', message, { param: 'url', operatorDetail: 'outbound target refused' });
}
