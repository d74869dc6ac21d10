import { hashToken } from '@rubot/bearer/api-token';
import { IssuedApiToken, ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { ClientScope } from '@rubot/contracts/scopes';
import { expect } from 'vitest';
import type { Holder, MiddlewareHarness } from './_harness.ts';

export interface IssueInput {
  readonly scopes: readonly ClientScope[];
  readonly ttl_seconds?: number;
  readonly limits?: Readonly<Record<string, number>>;
  readonly action_id?: string;
  readonly issuer?: { readonly token_id: string; readonly scopes: readonly ClientScope[] };
}

/** What tests ask of tokens, as the gateway asks it. */
export function tokensOf(middleware: MiddlewareHarness) {
  const tokens = {
    ask: (tenantId: string, input: IssueInput, actor = 'operator') =>
      middleware.internal(
        'POST',
        `tenants/${tenantId}/tokens`,
        { name: 'A token', ttl_seconds: 3_600, ...input },
        { 'x-rubot-actor': actor },
      ),
    async issue(tenantId: string, input: IssueInput, actor?: string) {
      const response = await tokens.ask(tenantId, input, actor);
      expect(response.status).toBe(201);
      return IssuedApiToken.parse(await response.json());
    },
    revoke: (tenantId: string, tokenId: string) =>
      middleware.internal('DELETE', `tenants/${tenantId}/tokens/${tokenId}`, undefined, { 'x-rubot-actor': 'operator' }),
    async resolve(key: { token: string } | { token_id: string }) {
      const request = 'token' in key ? { hash: await hashToken(key.token) } : key;
      const response = await middleware.internal('POST', 'tokens/resolve', request);
      expect(response.status).toBe(200);
      return ResolveApiTokenResponse.parse(await response.json());
    },
    issueHandle: (tenantId: string, tokenId: string, input: object) =>
      middleware.internal('POST', `tenants/${tenantId}/tokens/${tokenId}/action-handles`, input, { 'x-rubot-actor': 'operator' }),
    async redeem(tokenId: string, handle: string, actionId: string, scopes: readonly ClientScope[]) {
      const body = { token_id: tokenId, handle_hash: await hashToken(handle), action_id: actionId, scopes };
      return middleware.internal('POST', 'action-handles/redeem', body, { 'x-rubot-actor': `token:${tokenId}` });
    },
    /** A bearer such as the gateway mints for a run in the name of a token. */
    async holderOf(issued: { tenant_id: string; token_id: string }): Promise<Holder> {
      const subject = { tenantId: issued.tenant_id, senderId: `token:${issued.token_id}` };
      return { ...subject, bearer: await middleware.bearerFor(subject, { tokenId: issued.token_id }) };
    },
    /** No clock can be turned in the Worker: what lies ahead is put behind it. */
    async expire(tokenId: string) {
      const database = await middleware.database();
      const past = new Date(Date.now() - 1_000).toISOString();
      await database.prepare('update api_tokens set expires_at = ? where token_id = ?').bind(past, tokenId).run();
    },
  };
  return tokens;
}
