import type { BearerClaims } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';

/** What the holder of a good bearer is refused is told of in the chain of their own tenant; of others, only the log knows. */
export function auditRefusals({ store }: MiddlewareDeps): MiddlewareHandler<MiddlewareEnv> {
  return async function auditRefusal(c, next) {
    await next();
    const failure = c.get('failure');
    const claims: BearerClaims | undefined = c.get('claims');
    if (claims === undefined || !RubotError.is(failure) || failure.code !== 'forbidden') return;
    const toolName = c.get('toolName');
    const what = toolName === undefined ? { action: 'access.refused', target: c.req.path } : { action: 'tool.refused', target: toolName };
    const details = { run_id: claims.run, reason: failure.operatorDetail };
    await store.audit.append(c.get('auditing'), { chain: claims.tenant, ...what, outcome: 'refused', details });
  };
}
