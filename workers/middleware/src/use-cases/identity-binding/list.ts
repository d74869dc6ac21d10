import type { IdentityBinding, IdentityBindingList, ListIdentityBindingsQuery } from '@rubot/contracts/identity-bindings';
import type { z } from 'zod';
import type { IdentityBindingRow, IdentityBindingStore } from '../../store/identity-bindings.ts';

/** One page, and where the next begins. */
export async function listIdentityBindings(
  bindings: IdentityBindingStore,
  { cursor, limit, tenant_id: tenantId }: z.infer<typeof ListIdentityBindingsQuery>,
): Promise<IdentityBindingList> {
  // One more than asked for tells whether there is a next page.
  const found = await bindings.list({ limit: limit + 1, after: cursor, tenantId });
  const data = found.slice(0, limit).map(toIdentityBinding);
  const last = data.at(-1);
  return { object: 'list', data, ...(found.length > limit && last !== undefined ? { next_cursor: last.sender_id } : {}) };
}

export function toIdentityBinding({ senderId, tenantId, createdAt }: IdentityBindingRow): IdentityBinding {
  return { sender_id: senderId, tenant_id: tenantId, created_at: createdAt };
}
