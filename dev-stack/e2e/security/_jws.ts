import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Tokens as somebody else would make them: nothing here is shared with what the platform signs and verifies by. That the keys are
 * the right ones is seen by the tokens that are accepted.
 */
export interface JwsParts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
}

export function signJws({ header, claims }: JwsParts, key: Uint8Array | string, hash = 'sha256'): string {
  return signText(`${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`, key, hash);
}

/** For a head and a payload that are no JSON, or say a thing twice. */
export function signText(text: string, key: Uint8Array | string, hash = 'sha256'): string {
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** RFC 5869, as the platform derives the key of each audience from the shared secret. */
export function deriveKey(secret: string, audience: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `rubot/bearer/${audience}/v1`, 32));
}

export function deriveKeyId(secret: string, audience: string): string {
  return Buffer.from(hkdfSync('sha256', secret, '', `rubot/bearer/${audience}/v1/key id`, 8)).toString('hex');
}
