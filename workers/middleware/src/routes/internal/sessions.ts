import { ResolveSessionRequest } from '@rubot/contracts/sessions';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { resolveSession } from '../../use-cases/session/resolve.ts';

/** `POST /internal/sessions/resolve` */
export function resolveSessionHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function resolve(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const request = parseInput(ResolveSessionRequest, body.value);
    const span = c.get('span');
    span.annotate({ chat_source_session_id: request.session_id, sender_id: request.sender_id });
    const { answer, isNew } = await resolveSession(store, c.get('auditing'), request);
    if (answer.status === 'linked') span.annotate({ tenant_id: answer.tenant_id });
    if (isNew) span.log('session.bound');
    return c.json(answer);
  };
}
