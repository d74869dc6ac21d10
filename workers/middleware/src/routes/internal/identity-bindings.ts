import { CreateIdentityBinding, DeleteIdentityBindingQuery, ListIdentityBindingsQuery } from '@rubot/contracts/identity-bindings';
import { SenderId } from '@rubot/contracts/ids';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { createIdentityBinding } from '../../use-cases/identity-binding/create.ts';
import { deleteIdentityBinding } from '../../use-cases/identity-binding/delete.ts';
import { listIdentityBindings } from '../../use-cases/identity-binding/list.ts';

/** `GET /internal/identity-bindings?tenant_id=&cursor=&limit=` */
export function listBindingsHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function listBindings(c) {
    return c.json(await listIdentityBindings(store.identityBindings, parseInput(ListIdentityBindingsQuery, c.req.query())));
  };
}

/** `POST /internal/identity-bindings`: 201 for a new binding, 200 for one that stood already, 409 for a sender bound elsewhere. */
export function createBindingHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function createBinding(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { binding, isNew } = await createIdentityBinding(store, c.get('auditing'), parseInput(CreateIdentityBinding, body.value));
    c.get('span').annotate({ tenant_id: binding.tenant_id, sender_id: binding.sender_id });
    if (isNew) c.get('span').log('binding.created');
    return c.json(binding, isNew ? 201 : 200);
  };
}

/** `DELETE /internal/identity-bindings/:senderId?tenant_id=` */
export function deleteBindingHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function deleteBinding(c) {
    const senderId = parseInput(SenderId, c.req.param('senderId'), 'sender_id');
    const { tenant_id: tenantId } = parseInput(DeleteIdentityBindingQuery, c.req.query());
    c.get('span').annotate({ sender_id: senderId, ...(tenantId === undefined ? {} : { tenant_id: tenantId }) });
    await deleteIdentityBinding(store, c.get('auditing'), senderId, tenantId);
    c.get('span').log('binding.deleted');
    return c.body(null, 204);
  };
}
