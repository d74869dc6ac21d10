import { AuditActor } from '@rubot/contracts/audit';
import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import type { MiddlewareDeps } from '../deps.ts';
import { toAuditContext } from './audit-context.ts';

/** Stands behind the hop key: for whom the gateway asks is believed, as the gateway alone holds that key. */
const ACTOR_WHEN_NOT_SAID = 'gateway';

export function identifyActor({ startAuditing }: MiddlewareDeps): MiddlewareHandler<MiddlewareEnv> {
  return async function readActor(c, next) {
    const actor = AuditActor.safeParse(c.req.header(HEADERS.actor) ?? ACTOR_WHEN_NOT_SAID);
    if (!actor.success) {
      throw new RubotError('invalid_request', `The header ${HEADERS.actor} must be 1 to 200 printable ASCII characters without spaces.`, {
        param: HEADERS.actor,
      });
    }
    c.set('auditing', startAuditing(toAuditContext(actor.data, c.get('span'))));
    await next();
  };
}
