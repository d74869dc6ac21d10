import { RenewBearerRequest, type RenewBearerResponse } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { withinDeadline } from '../within-deadline.ts';

/** Twice the longest grant that is looked at. */
const MAX_BODY_BYTES = 8_192;

/**
 * `POST /internal/bearers`: the orchestrator's own request, for a run that lives longer than a bearer does. Nobody speaks at that
 * moment, so whether the sender may still be acted for is asked of the middleware itself, and never of a memory.
 */
export function renewBearerHandler({ config, bearers, sessions }: GatewayDeps): Handler<GatewayEnv> {
  return async function renewBearer(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: MAX_BODY_BYTES });
    const claims = await bearers.verifyGrant(parseInput(RenewBearerRequest, value).grant);
    const { tenant, session, sender, run } = claims;
    c.get('span').annotate({ tenant_id: tenant, chat_source_session_id: session, sender_id: sender, run_id: run });
    const timeoutMs = readGrantedMs(c.req.raw.headers, config.requestTimeoutMs);
    const now = await withinDeadline(c, timeoutMs, (context) => sessions.resolveAnew({ session_id: session, sender_id: sender }, context));
    if (now.status === 'unlinked' || now.tenant_id !== tenant) {
      throw new RubotError('forbidden', 'The sender is not linked any more to the tenant in whose name the run was begun.');
    }
    const renewed: RenewBearerResponse = await bearers.renew(claims);
    return c.json(renewed, 200, { 'cache-control': 'no-store' });
  };
}
