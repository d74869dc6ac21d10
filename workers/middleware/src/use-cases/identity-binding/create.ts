import type { CreateIdentityBinding, IdentityBinding } from '@rubot/contracts/identity-bindings';
import { RubotError } from '@rubot/errors';
import type { IdentityBindingStore } from '../../store/identity-bindings.ts';
import { toIdentityBinding } from './list.ts';

/** @throws RubotError `not_found` for an unknown tenant, `conflict` for a sender that is bound to another one */
export async function createIdentityBinding(
  bindings: IdentityBindingStore,
  { sender_id: senderId, tenant_id: tenantId }: CreateIdentityBinding,
): Promise<{ binding: IdentityBinding; isNew: boolean }> {
  const outcome = await bindings.bind({ senderId, tenantId });
  if (outcome === undefined) {
    throw new RubotError('not_found', `There is no tenant ${tenantId}. Create it first, with POST /internal/tenants at the middleware.`, {
      param: 'tenant_id',
    });
  }
  if (outcome.binding.tenantId !== tenantId) {
    throw new RubotError('conflict', `Sender ${senderId} is bound to another tenant. Delete that binding first.`, { param: 'sender_id' });
  }
  return { binding: toIdentityBinding(outcome.binding), isNew: outcome.isNew };
}
