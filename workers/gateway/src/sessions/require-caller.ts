import { RubotError } from '@rubot/errors';
import type { Context } from 'hono';
import type { CallContext } from '../clients/middleware.ts';
import { type Caller, toCaller } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { toLinkingPage } from '../replies/linking-page.ts';

/** Who speaks, for whatever is not read by a person. @throws RubotError `forbidden` for a sender without a tenant */
export async function requireCaller(c: Context<GatewayEnv>, { sessions, config }: GatewayDeps, context: CallContext): Promise<Caller> {
  const identity = c.get('identity');
  const session = await sessions.resolve(identity, context);
  if (session.status === 'unlinked') {
    const page = toLinkingPage(config.linkUrl, identity.sender_id);
    throw new RubotError('forbidden', `This sender is not linked to a tenant. Link it at ${page}.`);
  }
  context.span.annotate({ tenant_id: session.tenant_id });
  return toCaller(identity, session);
}
