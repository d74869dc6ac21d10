import { and, asc, eq, exists, gt } from 'drizzle-orm';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing } from './audit/auditing.ts';
import { isBrokenPrecondition, requireThat } from './audit/require-that.ts';
import { type Database, isConflict, runBatch } from './database.ts';
import { identityBindings, tenants } from './schema.ts';

export type IdentityBindingRow = typeof identityBindings.$inferSelect;
export type NewBinding = Pick<IdentityBindingRow, 'senderId' | 'tenantId'>;

export interface BindingPage {
  readonly limit: number;
  /** The last sender of the page before. */
  readonly after: string | undefined;
  readonly tenantId: string | undefined;
}

export interface IdentityBindingStore {
  /** The binding that stands afterwards, which may be an earlier one; `undefined` when there is no such tenant. */
  bind(auditing: Auditing, input: NewBinding): Promise<{ binding: IdentityBindingRow; isNew: boolean } | undefined>;
  list(page: BindingPage): Promise<readonly IdentityBindingRow[]>;
  find(senderId: string): Promise<IdentityBindingRow | undefined>;
  /** `false` when it does not stand any more. */
  unbind(auditing: Auditing, binding: NewBinding): Promise<boolean>;
}

export function createIdentityBindingStore(database: Database): IdentityBindingStore {
  async function find(senderId: string): Promise<IdentityBindingRow | undefined> {
    const [[binding]] = await runBatch(database, [selectBinding(database, senderId)]);
    return binding;
  }

  return {
    find,
    async bind(auditing, { senderId, tenantId }) {
      const [[tenant], [existing]] = await runBatch(database, [
        database.select({ tenantId: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, tenantId)),
        selectBinding(database, senderId),
      ]);
      if (tenant === undefined) return undefined;
      if (existing !== undefined) return { binding: existing, isNew: false };
      const binding = { senderId, tenantId, createdAt: new Date().toISOString() };
      try {
        const record = { chain: tenantId, action: 'binding.created', target: senderId };
        await commitAudited(database, auditing, record, [database.insert(identityBindings).values(binding)]);
        return { binding, isNew: true };
      } catch (error) {
        const quicker = isConflict(error) ? await find(senderId) : undefined;
        if (quicker === undefined) throw error;
        return { binding: quicker, isNew: false };
      }
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
    async unbind(auditing, { senderId, tenantId }) {
      const stands = and(eq(identityBindings.senderId, senderId), eq(identityBindings.tenantId, tenantId));
      try {
        await commitAudited(database, auditing, { chain: tenantId, action: 'binding.deleted', target: senderId }, [
          requireThat(database, exists(database.select().from(identityBindings).where(stands))),
          database.delete(identityBindings).where(stands),
        ]);
        return true;
      } catch (error) {
        if (isBrokenPrecondition(error)) return false;
        throw error;
      }
    },
  };
}

function selectBinding(database: Database, senderId: string) {
  return database.select().from(identityBindings).where(eq(identityBindings.senderId, senderId));
}
