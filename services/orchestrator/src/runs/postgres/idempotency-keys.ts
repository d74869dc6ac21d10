import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { IdempotencyKey, KnownRun, RunOwner } from '../run-store.ts';
import type { Executor } from './database.ts';

/** Of several at once under one key, one inserts; the others wait for its commit and then insert nothing. */
export function insertKey({ key, fingerprint }: IdempotencyKey, runId: string, { tenantId, senderId }: RunOwner, condition: SQL): SQL {
  return sql`
    INSERT INTO idempotency_keys (tenant_id, sender_id, key, fingerprint, run_id)
    SELECT ${tenantId}::text, ${senderId}::text, ${key}::text, ${fingerprint}::text, ${runId}::text WHERE ${condition}
    ON CONFLICT DO NOTHING RETURNING run_id`;
}

/** @throws RubotError `idempotency_mismatch` */
export async function findByKey(executor: Executor, { key, fingerprint }: IdempotencyKey, owner: RunOwner): Promise<KnownRun | undefined> {
  const { rows } = await executor.execute<{ run_id: string; fingerprint: string; created_at: number | null }>(sql`
    SELECT known.run_id, fingerprint, floor(extract(epoch FROM runs.created_at))::integer AS created_at
    FROM idempotency_keys AS known LEFT JOIN runs ON runs.run_id = known.run_id
    WHERE known.tenant_id = ${owner.tenantId} AND known.sender_id = ${owner.senderId} AND key = ${key}`);
  const [known] = rows;
  if (known === undefined) return undefined;
  if (known.fingerprint === fingerprint) return { runId: known.run_id, createdAtSeconds: known.created_at ?? undefined };
  throw new RubotError('idempotency_mismatch', 'This Idempotency-Key was used with another request. Use a new key for a new request.', {
    param: 'idempotency-key',
  });
}

/** The same behind `held (run_id)`, as a part of its statement: the key is kept where the change was made. */
export function keepKey(idempotency: IdempotencyKey | undefined, runId: string, owner: RunOwner): SQL {
  return idempotency === undefined ? sql`` : sql`, kept AS (${insertKey(idempotency, runId, owner, sql`EXISTS (SELECT 1 FROM held)`)})`;
}
