import { RubotError } from '@rubot/errors';
import { fromBase64Url, toBase64Url } from './base64url.ts';
import type { KeyRing } from './derive.ts';

/** A text that only the holder of the key can read, and only in the place that it was sealed for. */
export interface Sealed {
  readonly keyId: string;
  /** Nonce, ciphertext and tag, in base64url. */
  readonly box: string;
}

/** What a sealed text belongs to, such as tenant and provider: it opens nowhere else. */
export type SealContext = readonly string[];

const NONCE_BYTES = 12;
const encoder = new TextEncoder();

export async function seal({ current }: KeyRing, text: string, context: SealContext): Promise<Sealed> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const ciphertext = await crypto.subtle.encrypt(toAesGcm(nonce, current.keyId, context), current.key, encoder.encode(text));
  const box = new Uint8Array(NONCE_BYTES + ciphertext.byteLength);
  box.set(nonce);
  box.set(new Uint8Array(ciphertext), NONCE_BYTES);
  return { keyId: current.keyId, box: toBase64Url(box) };
}

/** @throws RubotError `misconfigured` for a key that is not held, a box that was changed, or one from another place */
export async function unseal({ byKeyId }: KeyRing, { keyId, box }: Sealed, context: SealContext): Promise<string> {
  const key = byKeyId.get(keyId);
  const bytes = fromBase64Url(box);
  if (key === undefined) throw cannotOpen('key id is not held');
  if (bytes === undefined || bytes.length <= NONCE_BYTES) throw cannotOpen('no sealed box');
  try {
    const text = await crypto.subtle.decrypt(toAesGcm(bytes.subarray(0, NONCE_BYTES), keyId, context), key, bytes.subarray(NONCE_BYTES));
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch (cause) {
    throw cannotOpen('changed, or moved', cause);
  }
}

/** As JSON, so that no two contexts are spelled alike. */
function toAesGcm(nonce: Uint8Array<ArrayBuffer>, keyId: string, context: SealContext) {
  return { name: 'AES-GCM', iv: nonce, additionalData: encoder.encode(JSON.stringify([...context, keyId])) };
}

function cannotOpen(operatorDetail: string, cause?: unknown): RubotError {
  return new RubotError(
    'misconfigured',
    'What is kept encrypted cannot be opened. Store it anew, or bring back the key it was sealed with.',
    {
      operatorDetail,
      cause,
    },
  );
}
