import type { IdentityBinding, IdentityBindingList, ListIdentityBindingsQuery } from '@rubot/contracts/identity-bindings';
import type { z } from 'zod';
import type { IdentityBindingRow, IdentityBindingStore } from '../../store/identity-bindings.ts';
import { readPage } from '../read-page.ts';

/** One page, and where the next begins. */
export function listIdentityBindings(
  bindings: IdentityBindingStore,
  { cursor, limit, tenant_id: tenantId }: z.infer<typeof ListIdentityBindingsQuery>,
): Promise<IdentityBindingList> {
  return readPage(
    limit,
    async (atMost) => (await bindings.list({ limit: atMost, after: cursor, tenantId })).map(toIdentityBinding),
    (binding) => binding.sender_id,
  );
}

export function toIdentityBinding({ senderId, tenantId, createdAt }: IdentityBindingRow): IdentityBinding {
  return { sender_id: senderId, tenant_id: tenantId, created_at: createdAt };
}
