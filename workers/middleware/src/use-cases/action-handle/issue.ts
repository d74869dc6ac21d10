import { hashToken, makeActionHandle } from '@rubot/bearer/api-token';
import type { IssueActionHandle, IssuedActionHandle } from '@rubot/contracts/api-tokens';
import { coversScope } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import type { RefusalReason } from '../../refusal.ts';
import type { ApiTokenRow } from '../../store/api-tokens.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import { isBrokenPrecondition } from '../../store/audit/require-that.ts';
import type { Store } from '../../store/store.ts';
import { noSuchToken } from '../api-token/list.ts';
import { auditFailures } from '../audit/audit-failures.ts';

export interface IssueHandleOptions {
  readonly tenantId: string;
  readonly tokenId: string;
  readonly asked: IssueActionHandle;
}

/**
 * A handle for one action of a token. It lives no longer than the token, whatever is asked for. It is told here and nowhere else.
 *
 * @throws RubotError `not_found` for a token that this tenant does not have, `conflict` for one that has ended, `forbidden` for scopes
 * that it does not hold
 */
export async function issueActionHandle(
  { apiTokens, actionHandles, audit }: Pick<Store, 'apiTokens' | 'actionHandles' | 'audit'>,
  auditing: Auditing,
  { tenantId, tokenId, asked }: IssueHandleOptions,
): Promise<IssuedActionHandle> {
  const { action_id: actionId, scopes } = asked;
  const attempt = { chain: tenantId, action: 'handle.issued', target: `${tokenId}/${actionId}`, details: { scopes } };
  return auditFailures(audit, auditing, attempt, async () => {
    const nowMs = Date.now();
    const token = await apiTokens.find(tenantId, tokenId);
    if (token === undefined) throw noSuchToken(tokenId);
    assertMayHave(token, asked, nowMs);
    const secret = makeActionHandle();
    const handle = {
      hash: await hashToken(secret),
      tokenId,
      actionId,
      scopes,
      createdAt: new Date(nowMs).toISOString(),
      expiresAt: endOf(token, asked, nowMs),
    };
    await actionHandles.issue(auditing, { tenantId, handle }).catch((error: unknown) => {
      throw isBrokenPrecondition(error) ? ended() : error;
    });
    return { action_handle: secret, action_id: actionId, token_id: tokenId, scopes: [...scopes], expires_at: handle.expiresAt };
  });
}

function assertMayHave({ scopes, revokedAt, expiresAt }: ApiTokenRow, asked: IssueActionHandle, nowMs: number): void {
  if (revokedAt !== null || Date.parse(expiresAt) <= nowMs) throw ended();
  const beyond = asked.scopes.filter((scope) => !coversScope(scopes, scope));
  if (beyond.length === 0) return;
  const reason: RefusalReason = 'scopes_exceed_token';
  throw new RubotError('forbidden', `A handle can have only scopes that its token holds. Leave out: ${beyond.join(', ')}.`, {
    param: 'scopes',
    operatorDetail: reason,
  });
}

/** Moments in one spelling compare as text. */
function endOf({ expiresAt }: ApiTokenRow, { ttl_seconds: ttlSeconds }: IssueActionHandle, nowMs: number): string {
  if (ttlSeconds === undefined) return expiresAt;
  const askedFor = new Date(nowMs + ttlSeconds * 1_000).toISOString();
  return askedFor < expiresAt ? askedFor : expiresAt;
}

function ended(): RubotError {
  return new RubotError('conflict', 'This token was revoked or has expired. Issue another one.', { param: 'token_id' });
}
