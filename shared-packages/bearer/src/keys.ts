import type { RotatingSecret } from '@rubot/config/variable';
import { toHex } from '@rubot/contracts/hex';

export interface SigningKey {
  readonly keyId: string;
  readonly key: CryptoKey;
}

/** Signs with the current key, verifies with either: what lets the secret be rotated under load. */
export interface BearerKeys {
  readonly current: SigningKey;
  readonly byKeyId: ReadonlyMap<string, CryptoKey>;
}

export async function importBearerKeys(secret: RotatingSecret): Promise<BearerKeys> {
  const current = await importSigningKey(secret.current);
  const previous = secret.previous === undefined ? undefined : await importSigningKey(secret.previous);
  const keys = previous === undefined ? [current] : [current, previous];
  return { current, byKeyId: new Map(keys.map(({ keyId, key }) => [keyId, key])) };
}

async function importSigningKey(secret: string): Promise<SigningKey> {
  const bytes = new TextEncoder().encode(secret);
  const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
  // An HMAC and not a plain hash of the secret, so that the key id helps nobody to guess it offline any faster than a bearer does.
  const fingerprint = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode('rubot bearer key id'));
  return { keyId: toHex(new Uint8Array(fingerprint).subarray(0, 8)), key };
}
