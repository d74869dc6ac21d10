import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { type Database, runBatch } from './database.ts';
import { identityBindings, tenants } from './schema.ts';

export type IdentityBindingRow = typeof identityBindings.$inferSelect;

export interface BindingPage {
  readonly limit: number;
  /** The last sender of the page before. */
  readonly after: string | undefined;
  readonly tenantId: string | undefined;
}

export interface IdentityBindingStore {
  /** The binding that stands afterwards, which may be an earlier one; `undefined` when there is no such tenant. */
  bind(input: {
    readonly senderId: string;
    readonly tenantId: string;
  }): Promise<{ binding: IdentityBindingRow; isNew: boolean } | undefined>;
  list(page: BindingPage): Promise<readonly IdentityBindingRow[]>;
  find(senderId: string): Promise<IdentityBindingRow | undefined>;
  /** `false` when there was none. */
  unbind(senderId: string): Promise<boolean>;
}

export function createIdentityBindingStore(database: Database): IdentityBindingStore {
  return {
    async bind({ senderId, tenantId }) {
      const [inserted, [binding]] = await runBatch(database, [
        insertForKnownTenant(database, senderId, tenantId),
        database.select().from(identityBindings).where(eq(identityBindings.senderId, senderId)),
      ]);
      return binding === undefined ? undefined : { binding, isNew: inserted.length > 0 };
    },
    async list({ limit, after, tenantId }) {
      const [bindings] = await runBatch(database, [
        database
          .select()
          .from(identityBindings)
          .where(
            and(
              after === undefined ? undefined : gt(identityBindings.senderId, after),
              tenantId === undefined ? undefined : eq(identityBindings.tenantId, tenantId),
            ),
          )
          .orderBy(asc(identityBindings.senderId))
          .limit(limit),
      ]);
      return bindings;
    },
    async find(senderId) {
      const [[binding]] = await runBatch(database, [
        database.select().from(identityBindings).where(eq(identityBindings.senderId, senderId)),
      ]);
      return binding;
    },
    async unbind(senderId) {
      const [deleted] = await runBatch(database, [
        database.delete(identityBindings).where(eq(identityBindings.senderId, senderId)).returning(),
      ]);
      return deleted.length > 0;
    },
  };
}

function insertForKnownTenant(database: Database, senderId: string, tenantId: string) {
  return database
    .insert(identityBindings)
    .select((query) =>
      query
        .select({
          senderId: sql`${senderId}`.as('sender_id'),
          tenantId: tenants.tenantId,
          createdAt: sql`${new Date().toISOString()}`.as('created_at'),
        })
        .from(tenants)
        .where(eq(tenants.tenantId, tenantId)),
    )
    .onConflictDoNothing()
    .returning();
}
