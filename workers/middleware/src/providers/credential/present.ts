import type { ConnectionAuth } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';

/** What can stand in a header, so that a credential cannot begin another one. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** What the connection itself says in each request; a credential there would be sent with another meaning, or break the request. */
const RESERVED_HEADERS =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept|accept-.*|cookie|proxy-.*|sec-.*|cf-.*|x-forwarded-.*|x-real-ip|forwarded|idempotency-key|mcp-.*|user-agent)$/i;

/**
 * The header by which the upstream knows the tenant.
 *
 * @throws RubotError `invalid_request` when auth and credential do not fit each other; `misconfigured` for a credential that is gone
 */
export function presentCredential(
  auth: ConnectionAuth,
  credential: string | undefined,
): readonly (readonly [name: string, value: string])[] {
  if (auth.type === 'none') return [];
  if (credential === undefined)
    throw new RubotError('misconfigured', 'The credential of this connection is missing. Save the connection with its credential.');
  if (auth.type === 'basic') return [['authorization', `Basic ${toBase64(credential)}`]];
  if (auth.type === 'bearer') return [['authorization', `Bearer ${credential}`]];
  return [[auth.name, credential]];
}

export function isReservedHeader(name: string): boolean {
  return RESERVED_HEADERS.test(name) || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name);
}

/** @throws RubotError `invalid_request` */
export function assertPresentable(auth: ConnectionAuth, credential: string): void {
  if (auth.type === 'none') throw misfit('auth', 'With auth none there is no credential. Leave it out, or say how to send it.');
  if (auth.type === 'header' && isReservedHeader(auth.name))
    throw misfit('auth.name', `The header ${auth.name} cannot bear a credential. Name another one.`);
  if (auth.type === 'basic' && !credential.includes(':')) throw misfit('credential', 'For auth basic the credential is user:password.');
  if (auth.type !== 'basic' && !HEADER_VALUE.test(credential))
    throw misfit('credential', 'The credential must be printable ASCII without spaces at its ends.');
}

function misfit(param: string, message: string): RubotError {
  return new RubotError('invalid_request', message, { param });
}

/** As UTF-8 (RFC 7617 §2.1). */
function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
