import { CreateIdentityBinding, IdentityBinding, IdentityBindingList, ListIdentityBindingsQuery } from '@rubot/contracts/identity-bindings';
import { SenderId, TenantId } from '@rubot/contracts/ids';
import { parseInput } from '@rubot/http/parse';
import { z } from 'zod';
import type { GatewayDeps } from '../../deps.ts';
import type { AdminRoute } from './forward-admin.ts';
import { readTenant } from './own-tenant.ts';

/** `GET /admin/identity-bindings?tenant_id=&cursor=&limit=` */
export function listBindings(deps: GatewayDeps): AdminRoute {
  return {
    query: ListIdentityBindingsQuery,
    answer: IdentityBindingList,
    complete: async (c, { query, body }) => ({ query: { ...query, tenant_id: await readTenant(c, deps, query['tenant_id']) }, body }),
  };
}

/** `POST /admin/identity-bindings`: 201 for a new binding, 200 for one that stood already, 409 for a sender bound elsewhere. */
export function createBinding(deps: GatewayDeps): AdminRoute {
  return {
    body: CreateIdentityBinding,
    answer: IdentityBinding,
    isIdempotent: true,
    complete: async (c, { query, body }) => ({ query, body: { ...body, tenant_id: await readTenant(c, deps, body?.['tenant_id']) } }),
    onDone(c, status) {
      if (status === 201) c.get('span').log('binding.created');
    },
  };
}

/** `DELETE /admin/identity-bindings/:senderId`: ends the sender's access, here at once and everywhere within seconds. */
export function deleteBinding(deps: GatewayDeps): AdminRoute {
  return {
    query: z.object({ tenant_id: TenantId.optional() }),
    complete: async (c, { query, body }) => ({ query: { tenant_id: await readTenant(c, deps, query['tenant_id']) }, body }),
    onDone(c) {
      const senderId = parseInput(SenderId, c.req.param('senderId'), 'sender_id');
      deps.sessions.forget((_answer, question) => question.sender_id === senderId);
      c.get('span').annotate({ sender_id: senderId });
      c.get('span').log('binding.deleted');
    },
  };
}
