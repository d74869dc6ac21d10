import { UseLinkPin, type UseLinkPinResponse } from '@rubot/contracts/link-pins';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { useLinkPin } from '../sessions/use-link-pin.ts';
import { withinDeadline } from '../within-deadline.ts';

/** `POST /v1/link`: what a PIN in the chat does, for a program that asks for the PIN itself. */
export function linkHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config } = deps;

  return async function link(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { pin } = parseInput(UseLinkPin, value);
    return answer(c, await withinDeadline(c, config.requestTimeoutMs, (context) => useLinkPin(c, deps, { pin, context })));
  };
}

function answer(c: Context<GatewayEnv>, outcome: UseLinkPinResponse): Response {
  switch (outcome.status) {
    case 'linked':
      return c.json({ status: 'linked', tenant_id: outcome.tenant_id });
    case 'linked_elsewhere':
      throw new RubotError('conflict', 'The sender is linked to another tenant. Unlink it there first.', { retryable: false });
    case 'too_many_tries':
      throw new RubotError('rate_limited', 'Too many wrong PINs. Wait, then try again with a new PIN.', {
        retryAfterMs: outcome.retry_after_seconds * 1_000,
        // A PIN does not get right by being sent again.
        retryable: false,
      });
    case 'refused':
      throw new RubotError('forbidden', 'The PIN is wrong, or has expired, or is another sender’s. Ask for a new one.', { param: 'pin' });
  }
}
