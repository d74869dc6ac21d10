import { hashToken, isActionHandle } from '@rubot/bearer/api-token';
import { RedeemActionHandle } from '@rubot/contracts/api-tokens';
import { coversScopes } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import { type TokenAuthority, toActor } from '../access/authority.ts';
import { refuseOnRecord } from '../access/refuse-on-record.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';
import { withinDeadline } from '../within-deadline.ts';

/** `POST /v1/action-bearers`: for a token and one of its handles, a bearer for minutes that can do no more than the action needs. */
export function redeemActionHandleHandler(deps: GatewayDeps): Handler<GatewayEnv> {
  const { config, middleware, actionBearers } = deps;

  return async function redeemActionHandle(c) {
    const authority = readTokenAuthority(c);
    const { value } = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const { handle, action_id, scopes, ttl_seconds } = parseInput(RedeemActionHandle, value);
    if (!isActionHandle(handle)) {
      throw new RubotError(
        'invalid_request',
        'This is no whole action handle: its checksum is wrong. Copy it again, from rbh_ to its end.',
        {
          param: 'handle',
        },
      );
    }
    if (!coversScopes(authority.scopes, scopes)) {
      const error = new RubotError('forbidden', 'The API token does not have all of these scopes. Ask for fewer.', { param: 'scopes' });
      return refuseOnRecord(c, deps, { action: 'access.refused', error, details: { reason: 'missing_scope', scopes } });
    }
    const request = { token_id: authority.tokenId, handle_hash: await hashToken(handle), action_id, scopes };
    await withinDeadline(c, config.requestTimeoutMs, (context) => middleware.redeemActionHandle(request, toActor(authority), context));
    const { tenantId, tokenId } = authority;
    const issued = await actionBearers.issue({ tenantId, tokenId, actionId: action_id, scopes }, ttl_seconds);
    return c.json(issued, 200, { 'cache-control': 'no-store' });
  };
}

/** The rule of the route lets nobody else come here. */
function readTokenAuthority(c: Context<GatewayEnv>): TokenAuthority {
  const authority = c.get('authority');
  if (authority.kind !== 'token') throw new TypeError('a handle is redeemed by the token that it was made for');
  return authority;
}
