import { hashToken, hintOf, makeActionHandle, makeApiToken, makeTokenId } from '@rubot/bearer/api-token';
import type { IssueApiTokenInternally, IssuedApiToken } from '@rubot/contracts/api-tokens';
import type { Limits } from '@rubot/contracts/limits';
import type { ApiTokenRow } from '../../store/api-tokens.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { Store } from '../../store/store.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { noSuchTenant } from '../tenant/find.ts';
import { judgeIssuing } from './judge-issuing.ts';
import { toApiToken } from './list.ts';

export interface IssueOptions {
  readonly tenantId: string;
  readonly asked: IssueApiTokenInternally;
}

/**
 * A new token of a tenant, and its first handle if an action is named. Both are told here and nowhere else: only their hashes are kept.
 *
 * @throws RubotError `not_found` for an unknown tenant, `forbidden` for more than the issuer holds
 */
export async function issueApiToken(store: Store, auditing: Auditing, { tenantId, asked }: IssueOptions): Promise<IssuedApiToken> {
  const details = { scopes: asked.scopes, ttl_seconds: asked.ttl_seconds, limits: asked.limits ?? {} };
  const attempt = { chain: tenantId, action: 'token.issued', target: asked.scopes.join(' '), details };
  return auditFailures(store.audit, auditing, attempt, async () => {
    const nowMs = Date.now();
    const limits = await readLimits(store, { tenantId, asked }, nowMs);
    const [secret, handle] = [makeApiToken(), asked.action_id === undefined ? undefined : makeActionHandle()];
    const token: ApiTokenRow = {
      tokenId: makeTokenId(),
      tenantId,
      hash: await hashToken(secret),
      hint: hintOf(secret),
      name: asked.name,
      scopes: asked.scopes,
      limits,
      createdAt: new Date(nowMs).toISOString(),
      createdBy: auditing.context.actor,
      expiresAt: new Date(nowMs + asked.ttl_seconds * 1_000).toISOString(),
      revokedAt: null,
      lastUsedAt: null,
    };
    await store.apiTokens.issue(auditing, {
      token,
      issuerId: asked.issuer?.token_id,
      handle: handle === undefined || asked.action_id === undefined ? undefined : await toHandleRow(token, handle, asked.action_id),
    });
    return { ...toApiToken(token), token: secret, ...(handle === undefined ? {} : { action_handle: handle, action_id: asked.action_id }) };
  });
}

async function readLimits(store: Store, { tenantId, asked }: IssueOptions, nowMs: number): Promise<Limits> {
  if ((await store.tenants.find(tenantId)) === undefined) throw noSuchTenant(tenantId);
  if (asked.issuer === undefined) return asked.limits ?? {};
  const { token_id: issuerId, scopes: issuerScopes } = asked.issuer;
  return judgeIssuing({ issuer: await store.apiTokens.find(tenantId, issuerId), issuerScopes, asked, nowMs });
}

async function toHandleRow(token: ApiTokenRow, handle: string, actionId: string) {
  const { tokenId, scopes, createdAt, expiresAt } = token;
  return { hash: await hashToken(handle), tokenId, actionId, scopes, createdAt, expiresAt };
}
