import { fromBase64Url, toBase64Url } from './base64url.ts';
import type { DerivedKey, KeyRing } from './derive.ts';

/** A code over a text, which only the holder of the key can make. */
export interface Mac {
  readonly keyId: string;
  /** base64url */
  readonly mac: string;
}

const encoder = new TextEncoder();

export async function makeMac({ current }: KeyRing, text: string): Promise<Mac> {
  return { keyId: current.keyId, mac: await sign(current.key, text) };
}

/** In constant time. False also for a key that is not held. */
export async function isRightMac({ byKeyId }: KeyRing, { keyId, mac }: Mac, text: string): Promise<boolean> {
  const key = byKeyId.get(keyId);
  const bytes = fromBase64Url(mac);
  if (key === undefined || bytes === undefined) return false;
  return crypto.subtle.verify('HMAC', key, bytes, encoder.encode(text));
}

/** The code over a text by every key that is held: to find what was made under any of them. */
export async function makeMacs({ byKeyId }: KeyRing, text: string): Promise<readonly Mac[]> {
  return Promise.all([...byKeyId].map(async ([keyId, key]) => ({ keyId, mac: await sign(key, text) })));
}

async function sign(key: DerivedKey['key'], text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text))));
}
