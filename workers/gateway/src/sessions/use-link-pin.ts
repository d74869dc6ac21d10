import type { UseLinkPinResponse } from '@rubot/contracts/link-pins';
import type { Context } from 'hono';
import type { CallContext } from '../clients/middleware.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

export interface PinUse {
  readonly pin: string;
  readonly context: CallContext;
}

/** Has the sender of a request linked by a PIN. Whatever was remembered of the sender was from before. */
export async function useLinkPin(c: Context<GatewayEnv>, deps: GatewayDeps, { pin, context }: PinUse): Promise<UseLinkPinResponse> {
  const { sender_id: senderId } = c.get('identity');
  const outcome = await deps.middleware.useLinkPin({ pin, sender_id: senderId }, context);
  context.span.log('pin.used', { extra: { outcome: outcome.status } });
  if (outcome.status !== 'linked') return outcome;
  deps.sessions.forget((_answer, question) => question.sender_id === senderId);
  context.span.annotate({ tenant_id: outcome.tenant_id });
  return outcome;
}
