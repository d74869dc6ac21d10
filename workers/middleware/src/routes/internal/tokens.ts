import { IssueApiTokenInternally, ListApiTokensQuery, ResolveApiTokenRequest } from '@rubot/contracts/api-tokens';
import { TokenId } from '@rubot/contracts/ids';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Context, Handler } from 'hono';
import type { MiddlewareEnv } from '../../context.ts';
import type { MiddlewareDeps } from '../../deps.ts';
import { issueApiToken } from '../../use-cases/api-token/issue.ts';
import { listApiTokens } from '../../use-cases/api-token/list.ts';
import { resolveApiToken } from '../../use-cases/api-token/resolve.ts';
import { revokeApiToken } from '../../use-cases/api-token/revoke.ts';
import { readTenantId } from './tenants.ts';

/** `POST /internal/tenants/:tenant/tokens` */
export function issueTokenHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function issueToken(c) {
    const tenantId = readTenantId(c);
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const issued = await issueApiToken(store, c.get('auditing'), { tenantId, asked: parseInput(IssueApiTokenInternally, body.value) });
    c.get('span').log('token.issued', { extra: { token_id: issued.token_id } });
    return c.json(issued, 201, { 'cache-control': 'no-store' });
  };
}

/** `GET /internal/tenants/:tenant/tokens?cursor=&limit=` */
export function listTokensHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function listTokens(c) {
    const page = parseInput(ListApiTokensQuery, c.req.query());
    return c.json(await listApiTokens(store.apiTokens, { tenantId: readTenantId(c), ...page }));
  };
}

/** `DELETE /internal/tenants/:tenant/tokens/:tokenId`: 204 for one that was revoked before as well. */
export function revokeTokenHandler({ store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function revokeToken(c) {
    const [tenantId, tokenId] = [readTenantId(c), readTokenId(c)];
    const isRevoked = await revokeApiToken(store, c.get('auditing'), { tenantId, tokenId });
    if (isRevoked) c.get('span').log('token.revoked', { extra: { token_id: tokenId } });
    return c.body(null, 204);
  };
}

/** `POST /internal/tokens/resolve` */
export function resolveTokenHandler({ config, store }: MiddlewareDeps): Handler<MiddlewareEnv> {
  return async function resolveToken(c) {
    const body = await readJsonBody(c.req.raw, { maxBytes: config.maxBodyBytes });
    const answer = await resolveApiToken(store.apiTokens, parseInput(ResolveApiTokenRequest, body.value));
    if (answer.status === 'active') c.get('span').annotate({ tenant_id: answer.tenant_id });
    return c.json(answer);
  };
}

export function readTokenId(c: Context<MiddlewareEnv>): string {
  return parseInput(TokenId, c.req.param('tokenId'), 'token_id');
}
