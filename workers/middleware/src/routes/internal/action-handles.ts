import { IssueActionHandle, RedeemActionHandleInternally } from '@rubot/contracts/api-tokens';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { issueActionHandle } from '../../use-cases/action-handle/issue.ts';
import { redeemActionHandle } from '../../use-cases/action-handle/redeem.ts';
import { readTenantId } from './tenants.ts';
import { readTokenId } from './tokens.ts';

/** `POST /internal/tenants/:tenant/tokens/:tokenId/action-handles` */
export function issueHandleHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function issueHandle(c) {
    const [tenantId, tokenId] = [readTenantId(c), readTokenId(c)];
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const asked = parseInput(IssueActionHandle, body.value);
    const issued = await issueActionHandle(store, c.get('auditing'), { tenantId, tokenId, asked });
    c.get('span').log('handle.issued', { extra: { token_id: tokenId, action_id: asked.action_id } });
    return c.json(issued, 201, { 'cache-control': 'no-store' });
  };
}

/** `POST /internal/action-handles/redeem`: 204, or 403 whatever is wrong with it. */
export function redeemHandleHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function redeemHandle(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const asked = parseInput(RedeemActionHandleInternally, body.value);
    await redeemActionHandle(store, c.get('auditing'), asked);
    c.get('span').log('handle.redeemed', { extra: { token_id: asked.token_id, action_id: asked.action_id } });
    return c.body(null, 204);
  };
}
