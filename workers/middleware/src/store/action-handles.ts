import { and, eq, exists, gt, lte } from 'drizzle-orm';
import { type ApiTokenRow, selectLiveToken } from './api-tokens.ts';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing, AuditRecord } from './audit/auditing.ts';
import { requireThat } from './audit/require-that.ts';
import { type Database, runBatch } from './database.ts';
import { actionHandles, apiTokens } from './schema.ts';

export type NewActionHandle = typeof actionHandles.$inferInsert;
type ActionHandleRow = typeof actionHandles.$inferSelect;

/** What is there of a handle, whosever it is, and of the token that asks with it. */
export interface HeldHandle {
  readonly handle: ActionHandleRow | undefined;
  readonly token: ApiTokenRow | undefined;
}

export interface ActionHandleStore {
  /** @throws RubotError of a broken precondition when the token is alive no longer */
  issue(auditing: Auditing, issued: { readonly tenantId: string; readonly handle: NewActionHandle }): Promise<void>;
  find(key: { readonly tokenId: string; readonly hash: string }): Promise<HeldHandle>;
  /**
   * Tells that a bearer is made from the handle.
   *
   * @throws RubotError of a broken precondition when the handle, or its token, is alive no longer
   */
  redeem(auditing: Auditing, record: AuditRecord, handle: ActionHandleRow): Promise<void>;
}

export function createActionHandleStore(database: Database): ActionHandleStore {
  return {
    async issue(auditing, { tenantId, handle }) {
      const { tokenId, actionId, scopes, expiresAt } = handle;
      const record = {
        chain: tenantId,
        action: 'handle.issued',
        target: `${tokenId}/${actionId}`,
        details: { scopes, expires_at: expiresAt },
      };
      await commitAudited(database, auditing, record, [
        requireThat(database, exists(selectLiveToken(database, tenantId, tokenId))),
        database
          .delete(actionHandles)
          .where(and(eq(actionHandles.tokenId, tokenId), lte(actionHandles.expiresAt, new Date().toISOString()))),
        database.insert(actionHandles).values(handle),
      ]);
    },
    async find({ tokenId, hash }) {
      const [[handle], [token]] = await runBatch(database, [
        database.select().from(actionHandles).where(eq(actionHandles.hash, hash)),
        database.select().from(apiTokens).where(eq(apiTokens.tokenId, tokenId)),
      ]);
      return { handle, token };
    },
    async redeem(auditing, record, { hash, tokenId }) {
      const isAlive = and(eq(actionHandles.hash, hash), gt(actionHandles.expiresAt, new Date().toISOString()));
      await commitAudited(database, auditing, record, [
        requireThat(database, exists(selectLiveToken(database, record.chain, tokenId))),
        requireThat(database, exists(database.select({ hash: actionHandles.hash }).from(actionHandles).where(isAlive))),
      ]);
    },
  };
}
