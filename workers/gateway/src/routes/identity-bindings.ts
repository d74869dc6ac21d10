import { CreateIdentityBinding, ListIdentityBindingsQuery } from '@rubot/contracts/identity-bindings';
import { SenderId } from '@rubot/contracts/ids';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { withinDeadline } from './within-deadline.ts';

/** `GET /admin/identity-bindings?tenant_id=&cursor=&limit=` */
export function listBindingsHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function listBindings(c) {
    const query = parseInput(ListIdentityBindingsQuery, c.req.query());
    const forwarded = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    return c.json(
      await withinDeadline(c, deps.config.requestTimeoutMs, (context) => deps.middleware.listIdentityBindings(forwarded, context)),
    );
  };
}

/** `POST /admin/identity-bindings`: 201 for a new binding, 200 for one that stood already, 409 for a sender bound elsewhere. */
export function createBindingHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function createBinding(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const input = parseInput(CreateIdentityBinding, body.value);
    const { binding, created } = await withinDeadline(c, deps.config.requestTimeoutMs, (context) =>
      deps.middleware.createIdentityBinding(input, context),
    );
    c.get('span').annotate({ tenant_id: binding.tenant_id, sender_id: binding.sender_id });
    if (created) c.get('span').log('binding.created');
    return c.json(binding, created ? 201 : 200);
  };
}

/** `DELETE /admin/identity-bindings/:senderId`: ends the sender's access, here at once and everywhere within seconds. */
export function deleteBindingHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  return async function deleteBinding(c) {
    const senderId = parseInput(SenderId, c.req.param('senderId'), 'sender_id');
    await withinDeadline(c, deps.config.requestTimeoutMs, (context) => deps.middleware.deleteIdentityBinding(senderId, context));
    deps.sessions.forgetSender(senderId);
    c.get('span').annotate({ sender_id: senderId });
    c.get('span').log('binding.deleted');
    return c.body(null, 204);
  };
}
