import type { SaveConnection } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import type { Sealed } from '@rubot/keys/seal';
import type { Connection } from '../../providers/connected/connection.ts';
import { assertPresentable } from '../../providers/credential/present.ts';
import type { CredentialPlace, CredentialVault } from '../../providers/credential/vault.ts';

export interface ChosenCredential {
  readonly text: string | undefined;
  readonly toStore: Sealed | 'keep' | 'none';
}

/**
 * The credential that a connection is saved with: the one that was sent, or the one that is kept.
 *
 * @throws RubotError `invalid_request`; above all where the one that is kept would go to another place than it was given for
 */
export async function chooseCredential(
  vault: CredentialVault,
  place: CredentialPlace,
  { auth, credential: sent }: SaveConnection,
  url: string,
  kept: Connection | undefined,
): Promise<ChosenCredential> {
  if (sent !== undefined) {
    assertPresentable(auth, sent);
    return { text: sent, toStore: await vault.close(place, sent) };
  }
  if (auth.type === 'none') return { text: undefined, toStore: 'none' };
  if (kept?.sealed === undefined) throw missing('Send the credential: there is none that is kept.');
  if (kept.config.url !== url)
    throw missing('The connection moves to another URL. Send its credential again: the one that is kept was given for the former one.');
  const text = await vault.open(place, kept.sealed);
  assertPresentable(auth, text);
  return { text, toStore: 'keep' };
}

function missing(message: string): RubotError {
  return new RubotError('invalid_request', message, { param: 'credential' });
}
