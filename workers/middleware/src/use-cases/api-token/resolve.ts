import type { ResolveApiTokenRequest, ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { ApiTokenStore } from '../../store/api-tokens.ts';

/** What a token opens right now. */
export async function resolveApiToken(tokens: ApiTokenStore, request: ResolveApiTokenRequest): Promise<ResolveApiTokenResponse> {
  const token = await tokens.use(request);
  if (token === undefined) return { status: 'unknown' };
  if (token.revokedAt !== null) return { status: 'revoked' };
  if (Date.parse(token.expiresAt) <= Date.now()) return { status: 'expired' };
  return {
    status: 'active',
    token_id: token.tokenId,
    tenant_id: token.tenantId,
    scopes: [...token.scopes],
    limits: token.limits,
    expires_at: token.expiresAt,
  };
}
