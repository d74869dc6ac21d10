import { HEADERS } from '@rubot/contracts/headers';
import { isTokenSender, SenderId, SessionId, toTokenSender } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import type { Context, MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { refuseOnRecord } from '../access/refuse-on-record.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

/**
 * Reads who speaks, and in which conversation, from the chat source's two headers. A token that names nobody speaks for itself, and
 * one that names no conversation has one with each sender. Nothing is believed from the body.
 */
export function identifyCaller(deps: GatewayDeps): MiddlewareHandler<GatewayEnv> {
  return async function readIdentity(c, next) {
    const authority = c.get('authority');
    const { headers } = c.req.raw;
    const ownSender = authority.kind === 'token' ? toTokenSender(authority.tokenId) : undefined;
    const senderId = readIdentityHeader(headers, SENDER, ownSender);
    if (isTokenSender(senderId) && senderId !== ownSender) return refuseTokenSender(c, deps);
    const sessionId = readIdentityHeader(headers, SESSION, ownSender && senderId);
    const tenant = authority.kind === 'token' ? { tenant_id: authority.tenantId } : {};
    c.set('identity', { session_id: sessionId, sender_id: senderId, ...tenant });
    c.get('span').annotate({ chat_source_session_id: sessionId, sender_id: senderId });
    await next();
  };
}

interface IdentityHeader {
  readonly name: string;
  readonly shownName: string;
  readonly schema: z.ZodType<string>;
}

const SENDER: IdentityHeader = { name: HEADERS.senderId, shownName: 'X-Chat-Source-Sender-Id', schema: SenderId };
const SESSION: IdentityHeader = { name: HEADERS.sessionId, shownName: 'X-Chat-Source-Session-Id', schema: SessionId };

function readIdentityHeader(headers: Headers, { name, shownName, schema }: IdentityHeader, fallback: string | undefined): string {
  const value = headers.get(name) ?? fallback;
  if (value === undefined) {
    throw new RubotError('invalid_request', `The header ${shownName} is missing. Send it with every request.`, { param: name });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new RubotError('invalid_request', `The header ${shownName} ${result.error.issues[0]?.message}.`, { param: name });
}

/** A token's own sender is in its tenant without anybody having bound it, so nobody else may pass for it. */
function refuseTokenSender(c: Context<GatewayEnv>, deps: GatewayDeps): Promise<never> {
  const message = 'A sender that begins with "token:" is an API token’s own. Name another one, or send that token.';
  return refuseOnRecord(c, deps, {
    action: 'access.refused',
    error: new RubotError('forbidden', message, { param: SENDER.name }),
    details: { reason: 'sender_of_a_token' },
  });
}
