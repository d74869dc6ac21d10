import type { ResolveSessionRequest } from '@rubot/contracts/sessions';
import { RubotError } from '@rubot/errors';
import type { Context } from 'hono';
import { refuseOnRecord } from '../access/refuse-on-record.ts';
import type { CallContext } from '../clients/middleware.ts';
import { type Caller, toCaller } from '../clients/orchestrator.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { toLinkingPage } from '../replies/linking-page.ts';
import type { LinkedSession } from './resolve-session.ts';

/** Who speaks, or `undefined` for a sender of the chat source without a tenant. @throws RubotError `forbidden` */
export async function resolveCaller(c: Context<GatewayEnv>, deps: GatewayDeps, context: CallContext): Promise<Caller | undefined> {
  const identity = c.get('identity');
  const authority = c.get('authority');
  const session = await deps.sessions.ask(identity, context);
  if (authority.kind === 'token') {
    if (session.status === 'unlinked' || session.tenant_id !== authority.tenantId) return refuseSender(c, deps, identity);
    return noteCaller(c, toCaller(identity, session, authority), context);
  }
  return session.status === 'unlinked' ? undefined : noteCaller(c, toCaller(identity, session), context);
}

/** As above, for whatever is not read by a person. @throws RubotError `forbidden` for a sender without a tenant, too */
export async function requireCaller(c: Context<GatewayEnv>, deps: GatewayDeps, context: CallContext): Promise<Caller> {
  const caller = await resolveCaller(c, deps, context);
  if (caller !== undefined) return caller;
  const page = toLinkingPage(deps.config.linkUrl, c.get('identity').sender_id);
  throw new RubotError('forbidden', `This sender is not linked to a tenant. Link it at ${page}.`);
}

/** To be asked again of a caller while it is being answered. @throws RubotError `forbidden` once the access it had has ended */
export function requireSameTenant(session: LinkedSession | { readonly status: 'unlinked' }, tenantId: string): void {
  if (session.status !== 'unlinked' && session.tenant_id === tenantId) return;
  throw new RubotError('forbidden', 'The sender is not linked any more to the tenant in whose name this was begun.');
}

function noteCaller(c: Context<GatewayEnv>, caller: Caller, context: CallContext): Caller {
  c.set('tenantId', caller.tenantId);
  context.span.annotate({ tenant_id: caller.tenantId });
  return caller;
}

function refuseSender(c: Context<GatewayEnv>, deps: GatewayDeps, { sender_id: senderId }: ResolveSessionRequest): Promise<never> {
  const message = `The sender ${senderId} is not bound to the tenant of this API token. Bind it at /admin/identity-bindings, or leave the header out.`;
  const error = new RubotError('forbidden', message);
  return refuseOnRecord(c, deps, { action: 'access.refused', error, details: { reason: 'sender_of_another_tenant' } });
}
