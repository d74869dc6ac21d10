import { type GrantClaims, RenewBearerRequest, type RenewBearerResponse } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import { isActive } from '../../access/credential.ts';
import type { CallContext } from '../../clients/middleware.ts';
import type { GatewayEnv } from '../../context.ts';
import type { GatewayDeps } from '../../deps.ts';
import { requireSameTenant } from '../../sessions/resolve-caller.ts';
import { withinDeadline } from '../../within-deadline.ts';

/** Twice the longest grant that is looked at. */
const MAX_BODY_BYTES = 8_192;

/**
 * `POST /internal/bearers`: the orchestrator's own request, for a run that lives longer than a bearer does. Nobody speaks at that
 * moment, so whether the sender may still be acted for, and the token that the run was begun with still lives, is asked of the
 * middleware itself, and never of a memory.
 */
export function renewBearerHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, bearers } = deps;

  return async function renewBearer(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: MAX_BODY_BYTES });
    const claims = await bearers.verifyGrant(parseInput(RenewBearerRequest, value).grant);
    const { tenant, session, sender, run } = claims;
    c.get('span').annotate({ tenant_id: tenant, chat_source_session_id: session, sender_id: sender, run_id: run });
    const timeoutMs = readGrantedMs(c.req.raw.headers, config.requestTimeoutMs);
    await withinDeadline(c, timeoutMs, (context) => requireAccess(deps, claims, context));
    const renewed: RenewBearerResponse = await bearers.renew(claims);
    return c.json(renewed, 200, { 'cache-control': 'no-store' });
  };
}

/** @throws RubotError `forbidden` once what the grant says does not hold any more */
async function requireAccess(
  { sessions, tokens }: GatewayDeps,
  { tenant, session, sender, token }: GrantClaims,
  context: CallContext,
): Promise<void> {
  const [held, begunBy] = await Promise.all([
    sessions.askAnew({ session_id: session, sender_id: sender, ...(token === undefined ? {} : { tenant_id: tenant }) }, context),
    token === undefined ? undefined : tokens.askAnew({ token_id: token }, context),
  ]);
  requireSameTenant(held, tenant);
  if (begunBy === undefined || (isActive(begunBy) && begunBy.tenant_id === tenant)) return;
  throw new RubotError('forbidden', 'The API token in whose name the run was begun was revoked, or has expired.');
}
