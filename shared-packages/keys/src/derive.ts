import type { RotatingSecret } from '@rubot/config/variable';
import { toHex } from '@rubot/contracts/hex';

/** A CryptoKey: on Node, that name is no type. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** What a key is for. One made for one purpose is of no use for another, though both come from one secret. */
export type KeyPurpose = `${string}/v${number}`;

export interface DerivedKey {
  /** Tells the keys of a purpose apart, and nothing of the secret. */
  readonly keyId: string;
  readonly key: Key;
}

/** The current key makes, either is good for what was made before: what lets a secret be rotated under load. */
export interface KeyRing {
  readonly current: DerivedKey;
  readonly byKeyId: ReadonlyMap<string, Key>;
}

const encoder = new TextEncoder();
const KEY_ID_BITS = 64;

interface KeyKind {
  readonly algorithm: { readonly name: string; readonly hash?: string; readonly length: number };
  readonly usages: ('sign' | 'verify' | 'encrypt' | 'decrypt')[];
}

const HMAC_KEY: KeyKind = { algorithm: { name: 'HMAC', hash: 'SHA-256', length: 256 }, usages: ['sign', 'verify'] };
const SEAL_KEY: KeyKind = { algorithm: { name: 'AES-GCM', length: 256 }, usages: ['encrypt', 'decrypt'] };

/** HMAC-SHA-256 keys, by HKDF (RFC 5869) from a shared secret. */
export function deriveMacKeys(secret: RotatingSecret, purpose: KeyPurpose): Promise<KeyRing> {
  return deriveRing(secret, purpose, HMAC_KEY);
}

/** AES-256-GCM keys, likewise. */
export function deriveSealKeys(secret: RotatingSecret, purpose: KeyPurpose): Promise<KeyRing> {
  return deriveRing(secret, purpose, SEAL_KEY);
}

async function deriveRing(secret: RotatingSecret, purpose: KeyPurpose, kind: KeyKind): Promise<KeyRing> {
  const current = await derive(secret.current, purpose, kind);
  const previous = secret.previous === undefined ? [] : [await derive(secret.previous, purpose, kind)];
  return { current, byKeyId: new Map([...previous, current].map(({ keyId, key }) => [keyId, key])) };
}

async function derive(secret: string, purpose: KeyPurpose, { algorithm, usages }: KeyKind): Promise<DerivedKey> {
  const master = await crypto.subtle.importKey('raw', encoder.encode(secret), 'HKDF', false, ['deriveKey', 'deriveBits']);
  const key = await crypto.subtle.deriveKey(toHkdf(purpose), master, algorithm, false, usages);
  const id = await crypto.subtle.deriveBits(toHkdf(`${purpose}/key id`), master, KEY_ID_BITS);
  return { keyId: toHex(new Uint8Array(id)), key };
}

/** The secret is random and long, so that no salt is called for (RFC 5869 §3.1). */
function toHkdf(info: string) {
  return { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info: encoder.encode(`rubot/${info}`) };
}
