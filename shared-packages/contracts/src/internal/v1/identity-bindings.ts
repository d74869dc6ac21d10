import { z } from 'zod';
import { SenderId, TenantId } from '../../ids.ts';

/** `POST /admin/identity-bindings` at the gateway, `POST /internal/identity-bindings` at the middleware. */
export const CreateIdentityBinding = z.strictObject({ sender_id: SenderId, tenant_id: TenantId });
export type CreateIdentityBinding = z.infer<typeof CreateIdentityBinding>;

export const IdentityBinding = z.looseObject({
  sender_id: z.string(),
  tenant_id: z.string(),
  created_at: z.string(),
});
export type IdentityBinding = z.infer<typeof IdentityBinding>;

/** Pages run in sender order; `next_cursor` is absent on the last one. */
export const IdentityBindingList = z.looseObject({
  object: z.literal('list'),
  data: z.array(IdentityBinding),
  next_cursor: z.string().optional(),
});
export type IdentityBindingList = z.infer<typeof IdentityBindingList>;

export const ListIdentityBindingsQuery = z.object({
  cursor: SenderId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  tenant_id: TenantId.optional(),
});

/** `DELETE /admin/identity-bindings/:senderId`: of another tenant's bindings, a tenant's own administrator is told nothing. */
export const DeleteIdentityBindingQuery = z.object({ tenant_id: TenantId.optional() });
export type DeleteIdentityBindingQuery = z.infer<typeof DeleteIdentityBindingQuery>;
