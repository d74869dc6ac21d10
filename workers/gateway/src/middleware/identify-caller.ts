import { HEADERS } from '@rubot/contracts/headers';
import { SenderId, SessionId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import type { GatewayEnv } from '../context.ts';

/** Reads who speaks, and in which conversation, from the chat source's two headers. Nothing is believed from the body. */
export function identifyCaller(): MiddlewareHandler<GatewayEnv> {
  return async function readIdentity(c, next) {
    const sessionId = readIdentityHeader(c.req.raw.headers, HEADERS.sessionId, 'X-Chat-Source-Session-Id', SessionId);
    const senderId = readIdentityHeader(c.req.raw.headers, HEADERS.senderId, 'X-Chat-Source-Sender-Id', SenderId);
    c.set('identity', { session_id: sessionId, sender_id: senderId });
    c.get('span').annotate({ chat_source_session_id: sessionId, sender_id: senderId });
    await next();
  };
}

function readIdentityHeader(headers: Headers, name: string, shownName: string, schema: z.ZodType<string>): string {
  const value = headers.get(name);
  if (value === null) {
    throw new RubotError('invalid_request', `The header ${shownName} is missing. Send it with every request.`, { param: name });
  }
  // A repeated header arrives joined by ", ", so a list of two identities must not pass for one.
  const result = schema.safeParse(value);
  if (result.success && !value.includes(', ')) return result.data;
  const rule = result.success ? 'must be sent once' : result.error.issues[0]?.message;
  throw new RubotError('invalid_request', `The header ${shownName} ${rule}.`, { param: name });
}
