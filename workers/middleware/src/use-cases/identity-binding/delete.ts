import { RubotError } from '@rubot/errors';
import type { IdentityBindingStore } from '../../store/identity-bindings.ts';

/**
 * Ends the sender's access: sessions, and bearers that were minted before.
 *
 * @throws RubotError `not_found`
 */
export async function deleteIdentityBinding(bindings: IdentityBindingStore, senderId: string): Promise<void> {
  if (await bindings.unbind(senderId)) return;
  throw new RubotError('not_found', `Sender ${senderId} is not bound to a tenant. List the bindings to see who is.`, {
    param: 'sender_id',
  });
}
