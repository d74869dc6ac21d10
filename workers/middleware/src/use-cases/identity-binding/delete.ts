import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import { RubotError } from '@rubot/errors';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { Store } from '../../store/store.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { assertNoTokenSender } from './token-sender.ts';

/**
 * Ends the sender's access: sessions, and bearers that were minted before.
 *
 * @param tenantId the only tenant that it may be unbound from; any when absent
 * @throws RubotError `not_found`, `invalid_request` for the sender of a token
 */
export async function deleteIdentityBinding(
  { audit, identityBindings }: Store,
  auditing: Auditing,
  senderId: string,
  tenantId: string | undefined,
): Promise<void> {
  assertNoTokenSender(senderId);
  const record = { chain: tenantId ?? PLATFORM_CHAIN, action: 'binding.deleted', target: senderId };
  await auditFailures(audit, auditing, record, async () => {
    const binding = await identityBindings.find(senderId);
    const isMeant = binding !== undefined && (tenantId === undefined || binding.tenantId === tenantId);
    if (isMeant && (await identityBindings.unbind(auditing, binding))) return;
    throw new RubotError('not_found', `Sender ${senderId} is not bound to a tenant. List the bindings to see who is.`, {
      param: 'sender_id',
    });
  });
}
