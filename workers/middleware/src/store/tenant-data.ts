import { hashText } from '@rubot/contracts/hash';
import { and, asc, eq, exists, lt, sql } from 'drizzle-orm';
import type { BatchResponse } from 'drizzle-orm/batch';
import { refuseBearer } from '../refusal.ts';
import { selectLiveToken } from './api-tokens.ts';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing, AuditRecord } from './audit/auditing.ts';
import { type Database, runBatch, type Statement } from './database.ts';
import { identityBindings, toolEffects } from './schema.ts';

/** On whose behalf data is touched: the claims of a bearer that was verified. */
export interface DataCaller {
  readonly tenantId: string;
  readonly senderId: string;
  readonly runId: string;
  /** The API token in whose name the run was begun, if one was. */
  readonly tokenId: string | undefined;
}

/** A call of a tool that writes, as its record names it. */
export interface WriteCallRecord {
  readonly idempotencyKey: string;
  readonly tool: string;
  readonly fingerprint: string;
}

/** A write that is done: repeated under the same key, it is answered from here. */
export interface ToolEffect extends Omit<WriteCallRecord, 'idempotencyKey'> {
  /** `begun`: another system was asked, and what it did is not known, or not yet. */
  readonly state: 'begun' | 'done';
  readonly result: unknown;
  readonly createdAt: string;
}

export interface RecordedEffect extends WriteCallRecord {
  readonly result: unknown;
  /** What makes the effect. */
  readonly statements: readonly Statement[];
}

/**
 * The only way from a data route to the database. Each call is one transaction that also asks whether the sender is
 * still bound to the tenant and the token still good, so that unbinding the one or revoking the other ends access at
 * once, whatever bearer is held.
 */
export interface TenantData {
  readonly tenantId: string;
  /** @throws RubotError `forbidden` when the sender is bound no longer */
  read<const Queries extends readonly Statement[]>(build: (database: Database) => Queries): Promise<BatchResponse<Queries>>;
  /**
   * Makes the effect, records it and tells of it in the audit chain: all or nothing.
   *
   * @throws RubotError `conflict` when a constraint refuses it: the key is used, the sender unbound, or the effect's own
   */
  commit(build: (database: Database) => RecordedEffect): Promise<void>;
  /**
   * Records, and tells the audit chain, that another system is about to be asked for an effect.
   *
   * @throws RubotError `conflict` when the key is used, or the sender unbound
   */
  beginEffect(call: WriteCallRecord): Promise<void>;
  /** Records what came of an effect that was begun. Who may do so is not asked again: what has happened has happened. */
  settleEffect(call: WriteCallRecord, settlement: EffectSettlement): Promise<void>;
  /** For a route that reads nothing else. @throws RubotError `forbidden` when the sender is bound no longer */
  assertBound(): Promise<void>;
  /** @throws RubotError `forbidden` when the sender is bound no longer */
  findEffect(idempotencyKey: string): Promise<ToolEffect | undefined>;
}

/** `refused`: it has not happened, and the key is free again. `unknown`: nobody can tell, and the record stays as it is. */
export type EffectSettlement = { readonly outcome: 'done'; readonly result: unknown } | { readonly outcome: 'refused' | 'unknown' };

/** Long after the last retry of a run; the record of a write that nobody repeats any more is only weight. */
const EFFECT_RETENTION_DAYS = 30;
/** Each write removes a few records that are too old, so that no sweep is needed. */
const PRUNED_PER_WRITE = 20;

export function openTenantData(database: Database, caller: DataCaller, auditing: Auditing): TenantData {
  const { tenantId } = caller;

  const data: TenantData = {
    tenantId,
    async read(build) {
      const [bound, ...results] = await runBatch(database, [selectBoundTenant(database, caller), ...build(database)]);
      if (bound.length === 0) throw refuseBearer('sender_unbound');
      return results as BatchResponse<ReturnType<typeof build>>;
    },
    async commit(build) {
      const { statements, ...effect } = build(database);
      await commitAudited(database, auditing, await toAuditRecord(caller, effect, 'tool.called'), [
        insertEffect(database, caller, { ...effect, state: 'done' }),
        ...statements,
        pruneEffects(database),
      ]);
    },
    async beginEffect({ idempotencyKey, tool, fingerprint }) {
      const effect = { idempotencyKey, tool, fingerprint };
      await commitAudited(database, auditing, await toAuditRecord(caller, effect, 'tool.begun'), [
        insertEffect(database, caller, { ...effect, state: 'begun', result: sql`'null'` }),
        pruneEffects(database),
      ]);
    },
    async settleEffect(call, settlement) {
      const record = await toAuditRecord(caller, call, 'tool.called');
      const isMeant = and(
        eq(toolEffects.tenantId, tenantId),
        eq(toolEffects.idempotencyKey, call.idempotencyKey),
        eq(toolEffects.state, 'begun'),
      );
      if (settlement.outcome === 'done') {
        const { result } = settlement;
        await commitAudited(database, auditing, record, [database.update(toolEffects).set({ state: 'done', result }).where(isMeant)]);
        return;
      }
      const failure = { ...record, outcome: 'failed', details: { ...record.details, effect: settlement.outcome } } as const;
      const statements = settlement.outcome === 'refused' ? [database.delete(toolEffects).where(isMeant)] : [];
      await commitAudited(database, auditing, failure, statements);
    },
    async assertBound() {
      await data.read(() => []);
    },
    async findEffect(idempotencyKey) {
      const [[effect]] = await data.read((queries) => [
        queries
          .select({
            tool: toolEffects.tool,
            fingerprint: toolEffects.fingerprint,
            state: toolEffects.state,
            result: toolEffects.result,
            createdAt: toolEffects.createdAt,
          })
          .from(toolEffects)
          .where(and(eq(toolEffects.tenantId, tenantId), eq(toolEffects.idempotencyKey, idempotencyKey))),
      ]);
      return effect;
    },
  };
  return data;
}

type EffectRow = Omit<typeof toolEffects.$inferInsert, 'tenantId' | 'createdAt'>;

function insertEffect(database: Database, caller: DataCaller, effect: EffectRow): Statement {
  // Without the binding the tenant of the record is NULL, which the column refuses, and with it the whole batch.
  const tenantId = sql`(${selectBoundTenant(database, caller)})`;
  return database.insert(toolEffects).values({ ...effect, tenantId, createdAt: new Date().toISOString() });
}

/** The caller's tenant, or no row when its sender is bound to it no longer, or its token revoked or expired. */
function selectBoundTenant(database: Database, { tenantId, senderId, tokenId }: DataCaller) {
  return database
    .select({ tenantId: identityBindings.tenantId })
    .from(identityBindings)
    .where(
      and(
        eq(identityBindings.senderId, senderId),
        eq(identityBindings.tenantId, tenantId),
        tokenId === undefined ? undefined : exists(selectLiveToken(database, tenantId, tokenId)),
      ),
    );
}

/** Which call it was, and with what, can be compared and not read. */
async function toAuditRecord(
  { tenantId, runId }: DataCaller,
  { tool, idempotencyKey, fingerprint }: WriteCallRecord,
  action: 'tool.begun' | 'tool.called',
): Promise<AuditRecord> {
  const details = { run_id: runId, idempotency_key_hash: await hashText(idempotencyKey), fingerprint };
  return { chain: tenantId, action, target: tool, details };
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
