import { and, asc, eq, lt, sql } from 'drizzle-orm';
import type { BatchResponse } from 'drizzle-orm/batch';
import { refuseBearer } from '../refusal.ts';
import { type Database, runBatch, type Statement } from './database.ts';
import { identityBindings, toolEffects } from './schema.ts';

/** On whose behalf data is touched: the claims of a bearer that was verified. */
export interface DataCaller {
  readonly tenantId: string;
  readonly senderId: string;
}

/** A write that is done: repeated under the same key, it is answered from here. */
export interface ToolEffect {
  readonly tool: string;
  readonly fingerprint: string;
  readonly result: unknown;
}

export interface RecordedEffect extends ToolEffect {
  readonly idempotencyKey: string;
  /** What makes the effect. */
  readonly statements: readonly Statement[];
}

/**
 * The only way from a data route to the database. Each call is one round trip and one transaction that also asks
 * whether the sender is still bound to the tenant, so that unbinding a sender ends its access at once, whatever
 * bearer it holds.
 */
export interface TenantData {
  readonly tenantId: string;
  /** @throws RubotError `forbidden` when the sender is bound no longer */
  read<const Queries extends readonly Statement[]>(build: (database: Database) => Queries): Promise<BatchResponse<Queries>>;
  /**
   * Makes the effect and records it, both or neither.
   *
   * @throws RubotError `conflict` when a constraint refuses it: the key is used, the sender unbound, or the effect's own
   */
  commit(build: (database: Database) => RecordedEffect): Promise<void>;
  /** For a route that reads nothing else. @throws RubotError `forbidden` when the sender is bound no longer */
  assertBound(): Promise<void>;
  /** @throws RubotError `forbidden` when the sender is bound no longer */
  findEffect(idempotencyKey: string): Promise<ToolEffect | undefined>;
}

/** Long after the last retry of a run; the record of a write that nobody repeats any more is only weight. */
const EFFECT_RETENTION_DAYS = 30;
/** Each write removes a few records that are too old, so that no sweep is needed. */
const PRUNED_PER_WRITE = 20;

export function openTenantData(database: Database, { tenantId, senderId }: DataCaller): TenantData {
  const boundTenant = database
    .select({ tenantId: identityBindings.tenantId })
    .from(identityBindings)
    .where(and(eq(identityBindings.senderId, senderId), eq(identityBindings.tenantId, tenantId)));

  const data: TenantData = {
    tenantId,
    async read(build) {
      const [binding, ...results] = await runBatch(database, [boundTenant, ...build(database)]);
      if (binding.length === 0) throw refuseBearer('sender_unbound');
      return results as BatchResponse<ReturnType<typeof build>>;
    },
    async commit(build) {
      const { statements, ...effect } = build(database);
      await runBatch(database, [
        // Without the binding the tenant of the record is NULL, which the column refuses, and with it the whole batch.
        database.insert(toolEffects).values({ ...effect, tenantId: sql`(${boundTenant})`, createdAt: new Date().toISOString() }),
        ...statements,
        pruneEffects(database),
      ]);
    },
    async assertBound() {
      await data.read(() => []);
    },
    async findEffect(idempotencyKey) {
      const [[effect]] = await data.read((queries) => [
        queries
          .select({ tool: toolEffects.tool, fingerprint: toolEffects.fingerprint, result: toolEffects.result })
          .from(toolEffects)
          .where(and(eq(toolEffects.tenantId, tenantId), eq(toolEffects.idempotencyKey, idempotencyKey))),
      ]);
      return effect;
    },
  };
  return data;
}

function pruneEffects(database: Database): Statement {
  const oldest = new Date(Date.now() - EFFECT_RETENTION_DAYS * 86_400_000).toISOString();
  const outdated = database
    .select({ rowId: sql`rowid` })
    .from(toolEffects)
    .where(lt(toolEffects.createdAt, oldest))
    .orderBy(asc(toolEffects.createdAt))
    .limit(PRUNED_PER_WRITE);
  return database.delete(toolEffects).where(sql`rowid in ${outdated}`);
}
