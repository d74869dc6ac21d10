import type { RotatingSecret } from '@rubot/config/variable';
import { deriveMacKeys, type KeyRing } from '@rubot/keys/derive';
import { isRightMac, makeMac } from '@rubot/keys/mac';

/** A key that does nothing but prove that its secret is known: what is shown here is of no use for what the secret is for. */
export function deriveChallengeKeys(name: string, secret: RotatingSecret): Promise<KeyRing> {
  return deriveMacKeys(secret, `challenge/${name}/v1`);
}

/** Shows that the current value of a ring is known, to nobody but those who know it. */
export async function makeProof(ring: KeyRing, nonce: string): Promise<string> {
  const { keyId, mac } = await makeMac(ring, nonce);
  return `${keyId}.${mac}`;
}

/** Which value of the ring a proof was made with, if any. In constant time but for the key ids, which are no secret. */
export async function matchProof(ring: KeyRing, nonce: string, proof: string): Promise<'current' | 'previous' | 'differs'> {
  const [keyId = '', mac = ''] = proof.split('.', 2);
  if (!(await isRightMac(ring, { keyId, mac }, nonce))) return 'differs';
  return keyId === ring.current.keyId ? 'current' : 'previous';
}
