import type { CreateIdentityBinding, IdentityBinding } from '@rubot/contracts/identity-bindings';
import { RubotError } from '@rubot/errors';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { Store } from '../../store/store.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { toIdentityBinding } from './list.ts';
import { assertNoTokenSender } from './token-sender.ts';

interface CreatedBinding {
  readonly binding: IdentityBinding;
  readonly isNew: boolean;
}

/** @throws RubotError `not_found` for an unknown tenant, `conflict` for a sender that is bound to another one, `invalid_request` for that of a token */
export async function createIdentityBinding(
  { audit, identityBindings }: Store,
  auditing: Auditing,
  input: CreateIdentityBinding,
): Promise<CreatedBinding> {
  const { sender_id: senderId, tenant_id: tenantId } = input;
  assertNoTokenSender(senderId);
  const outcome = await auditFailures(audit, auditing, { chain: tenantId, action: 'binding.created', target: senderId }, async () => {
    const bound = await identityBindings.bind(auditing, { senderId, tenantId });
    if (bound === undefined) {
      throw new RubotError('not_found', `There is no tenant ${tenantId}. Create it first, with POST /internal/tenants at the middleware.`, {
        param: 'tenant_id',
      });
    }
    if (bound.binding.tenantId === tenantId) return bound;
    throw new RubotError('conflict', `Sender ${senderId} is bound to another tenant. Delete that binding first.`, { param: 'sender_id' });
  });
  return { binding: toIdentityBinding(outcome.binding), isNew: outcome.isNew };
}
