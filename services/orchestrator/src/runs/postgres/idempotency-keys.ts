import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { IdempotencyKey, RunOwner } from '../run-store.ts';
import type { Executor } from './database.ts';

/** Of several at once under one key, one inserts; the others wait for its commit and then insert nothing. */
export function insertKey({ key, fingerprint }: IdempotencyKey, runId: string, { tenantId, senderId }: RunOwner, condition: SQL): SQL {
  return sql`
    INSERT INTO idempotency_keys (tenant_id, sender_id, key, fingerprint, run_id)
    SELECT ${tenantId}::text, ${senderId}::text, ${key}::text, ${fingerprint}::text, ${runId}::text WHERE ${condition}
    ON CONFLICT DO NOTHING RETURNING run_id`;
}

/** @throws RubotError `idempotency_mismatch` */
export async function findByKey(executor: Executor, { key, fingerprint }: IdempotencyKey, owner: RunOwner): Promise<string | undefined> {
  const { rows } = await executor.execute<{ run_id: string; fingerprint: string }>(sql`
    SELECT run_id, fingerprint FROM idempotency_keys
    WHERE tenant_id = ${owner.tenantId} AND sender_id = ${owner.senderId} AND key = ${key}`);
  const [known] = rows;
  if (known === undefined || known.fingerprint === fingerprint) return known?.run_id;
  throw new RubotError('idempotency_mismatch', 'This Idempotency-Key was used with another request. Use a new key for a new request.', {
    param: 'idempotency-key',
  });
}

/** The same behind `held (run_id)`, as a part of its statement: the key is kept where the change was made. */
export function keepKey(idempotency: IdempotencyKey | undefined, runId: string, owner: RunOwner): SQL {
  return idempotency === undefined ? sql`` : sql`, kept AS (${insertKey(idempotency, runId, owner, sql`EXISTS (SELECT 1 FROM held)`)})`;
}
