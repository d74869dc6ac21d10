import { toTokenSender } from '@rubot/contracts/ids';
import { and, asc, eq, exists, gt, isNull, lt, or } from 'drizzle-orm';
import type { NewActionHandle } from './action-handles.ts';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing } from './audit/auditing.ts';
import { requireThat } from './audit/require-that.ts';
import { type Database, runBatch } from './database.ts';
import { actionHandles, apiTokens, identityBindings, tenants } from './schema.ts';

export type ApiTokenRow = typeof apiTokens.$inferSelect;

export interface NewApiToken {
  readonly token: ApiTokenRow;
  /** In whose name it is issued, which must be alive still; `undefined` for the operator. */
  readonly issuerId: string | undefined;
  readonly handle: NewActionHandle | undefined;
}

export interface ApiTokenPage {
  readonly tenantId: string;
  readonly limit: number;
  /** The last token of the page before. */
  readonly after: string | undefined;
}

export type ApiTokenKey = { readonly hash: string } | { readonly token_id: string };

export interface ApiTokenStore {
  /** The token with its own sender's binding and its first handle, if it has one: all or nothing. */
  issue(auditing: Auditing, issued: NewApiToken): Promise<void>;
  /** `undefined` when there is no such tenant. */
  list(page: ApiTokenPage): Promise<readonly ApiTokenRow[] | undefined>;
  /** Of this tenant alone. */
  find(tenantId: string, tokenId: string): Promise<ApiTokenRow | undefined>;
  /**
   * Ends the token, its own sender's binding, and with it all that was made from it.
   *
   * @throws RubotError of a broken precondition when it was revoked already
   */
  revoke(auditing: Auditing, token: ApiTokenRow): Promise<void>;
  /** Notes as well that it is used, if it can be: at most once a minute. */
  use(key: ApiTokenKey): Promise<ApiTokenRow | undefined>;
}

export function createApiTokenStore(database: Database): ApiTokenStore {
  return {
    async issue(auditing, { token, issuerId, handle }) {
      const { tokenId, tenantId, scopes, limits, expiresAt, createdAt } = token;
      const details = { scopes, limits, expires_at: expiresAt, ...(handle === undefined ? {} : { action_id: handle.actionId }) };
      await commitAudited(database, auditing, { chain: tenantId, action: 'token.issued', target: tokenId, details }, [
        ...(issuerId === undefined ? [] : [requireThat(database, exists(selectLiveToken(database, tenantId, issuerId)))]),
        database.insert(apiTokens).values(token),
        database.insert(identityBindings).values({ senderId: toTokenSender(tokenId), tenantId, createdAt }),
        ...(handle === undefined ? [] : [database.insert(actionHandles).values(handle)]),
      ]);
    },
    async list({ tenantId, limit, after }) {
      const [tenant, rows] = await runBatch(database, [
        database.select({ tenantId: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, tenantId)),
        database
          .select()
          .from(apiTokens)
          .where(and(eq(apiTokens.tenantId, tenantId), after === undefined ? undefined : gt(apiTokens.tokenId, after)))
          .orderBy(asc(apiTokens.tokenId))
          .limit(limit),
      ]);
      return tenant.length === 0 ? undefined : rows;
    },
    async find(tenantId, tokenId) {
      const [[row]] = await runBatch(database, [
        database
          .select()
          .from(apiTokens)
          .where(and(eq(apiTokens.tenantId, tenantId), eq(apiTokens.tokenId, tokenId))),
      ]);
      return row;
    },
    async revoke(auditing, { tenantId, tokenId }) {
      const isThis = and(eq(apiTokens.tenantId, tenantId), eq(apiTokens.tokenId, tokenId), isNull(apiTokens.revokedAt));
      await commitAudited(database, auditing, { chain: tenantId, action: 'token.revoked', target: tokenId }, [
        requireThat(database, exists(database.select({ tokenId: apiTokens.tokenId }).from(apiTokens).where(isThis))),
        database.update(apiTokens).set({ revokedAt: new Date().toISOString() }).where(isThis),
        database.delete(identityBindings).where(eq(identityBindings.senderId, toTokenSender(tokenId))),
      ]);
    },
    async use(key) {
      const isThis = 'hash' in key ? eq(apiTokens.hash, key.hash) : eq(apiTokens.tokenId, key.token_id);
      const now = new Date().toISOString();
      const minute = toMinute(now);
      const isStale = or(isNull(apiTokens.lastUsedAt), lt(apiTokens.lastUsedAt, minute));
      const [, [token]] = await runBatch(database, [
        database
          .update(apiTokens)
          .set({ lastUsedAt: minute })
          .where(and(isThis, isStale, isNull(apiTokens.revokedAt), gt(apiTokens.expiresAt, now))),
        database.select().from(apiTokens).where(isThis),
      ]);
      return token;
    },
  };
}

/** The token, or no row when it is of another tenant, revoked or expired. */
export function selectLiveToken(database: Database, tenantId: string, tokenId: string) {
  return database
    .select({ tokenId: apiTokens.tokenId })
    .from(apiTokens)
    .where(
      and(
        eq(apiTokens.tokenId, tokenId),
        eq(apiTokens.tenantId, tenantId),
        isNull(apiTokens.revokedAt),
        gt(apiTokens.expiresAt, new Date().toISOString()),
      ),
    );
}

function toMinute(moment: string): string {
  return `${moment.slice(0, 'yyyy-mm-ddThh:mm'.length)}:00.000Z`;
}
