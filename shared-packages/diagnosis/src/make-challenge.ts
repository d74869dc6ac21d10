import type { RotatingSecret } from '@rubot/config/variable';
import type { ChallengeRequest } from '@rubot/contracts/diagnosis';
import { toHex } from '@rubot/contracts/hex';
import { deriveChallengeKeys, makeProof } from './secret-proof.ts';

/** Secrets by the names of their variables. */
export type NamedSecrets = Readonly<Record<string, RotatingSecret>>;

export const PREVIOUS_SUFFIX = '_PREVIOUS';
const NONCE_BYTES = 16;

/** A challenge that shows both values of each secret, the former one under `NAME_PREVIOUS`. */
export async function makeChallenge(secrets: NamedSecrets): Promise<ChallengeRequest> {
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  const shown = Object.entries(secrets).flatMap(([name, { current, previous }]) => [
    { entry: name, name, value: current },
    ...(previous === undefined ? [] : [{ entry: `${name}${PREVIOUS_SUFFIX}`, name, value: previous }]),
  ]);
  const proofs = shown.map(async ({ entry, name, value }) => {
    const ring = await deriveChallengeKeys(name, { current: value, previous: undefined });
    return [entry, await makeProof(ring, nonce)] as const;
  });
  return { nonce, proofs: Object.fromEntries(await Promise.all(proofs)) };
}
