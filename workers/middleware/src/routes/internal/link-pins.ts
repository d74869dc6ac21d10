import { TenantId } from '@rubot/contracts/ids';
import { CreateLinkPin, UseLinkPinInternally } from '@rubot/contracts/link-pins';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { createLinkPin } from '../../use-cases/link-pin/create.ts';
import { useLinkPin } from '../../use-cases/link-pin/use.ts';

/** `POST /internal/tenants/:tenant/link-pins`: the PIN is told this once. */
export function createLinkPinHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function createPin(c) {
    const tenantId = parseInput(TenantId, c.req.param('tenant'), 'tenant');
    const body = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const { sender_id: senderId } = parseInput(CreateLinkPin, body.value);
    const span = c.get('span');
    span.annotate({ tenant_id: tenantId, ...(senderId === undefined ? {} : { sender_id: senderId }) });
    const created = await createLinkPin(deps, c.get('auditing'), { tenantId, senderId });
    span.log('link_pin.created');
    return c.json(created, 201);
  };
}

/** `POST /internal/link-pins/use`: who was not linked is told so with a 200, as it is an answer to a person. */
export function useLinkPinHandler(deps: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function usePin(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: deps.config.maxBodyBytes });
    const request = parseInput(UseLinkPinInternally, body.value);
    const span = c.get('span');
    span.annotate({ sender_id: request.sender_id });
    const answer = await useLinkPin(deps, c.get('auditing'), request);
    if (answer.status === 'linked') {
      span.annotate({ tenant_id: answer.tenant_id });
      span.log('link_pin.used');
    } else {
      span.log('link_pin.refused', { extra: { reason: answer.status } });
    }
    return c.json(answer);
  };
}
