import type { ApiToken, ApiTokenList, ListApiTokensQuery } from '@rubot/contracts/api-tokens';
import { RubotError } from '@rubot/errors';
import type { ApiTokenRow, ApiTokenStore } from '../../store/api-tokens.ts';
import { readPage } from '../read-page.ts';
import { noSuchTenant } from '../tenant/find.ts';

/**
 * One page of a tenant's tokens, those that have ended included, and where the next begins.
 *
 * @throws RubotError `not_found`
 */
export function listApiTokens(
  tokens: ApiTokenStore,
  { tenantId, cursor, limit }: ListApiTokensQuery & { readonly tenantId: string },
): Promise<ApiTokenList> {
  async function read(atMost: number): Promise<readonly ApiToken[]> {
    const found = await tokens.list({ tenantId, limit: atMost, after: cursor });
    if (found === undefined) throw noSuchTenant(tenantId);
    return found.map(toApiToken);
  }

  return readPage(limit, read, (token) => token.token_id);
}

export function toApiToken(row: ApiTokenRow): ApiToken {
  return {
    token_id: row.tokenId,
    tenant_id: row.tenantId,
    name: row.name,
    hint: row.hint,
    scopes: [...row.scopes],
    limits: row.limits,
    created_at: row.createdAt,
    created_by: row.createdBy,
    expires_at: row.expiresAt,
    revoked_at: row.revokedAt,
    last_used_at: row.lastUsedAt,
  };
}

/** Of another tenant's token this is said too: that it exists is nobody else's business. */
export function noSuchToken(tokenId: string): RubotError {
  return new RubotError('not_found', `This tenant has no token ${tokenId}. List its tokens to see which it has.`, { param: 'token_id' });
}
