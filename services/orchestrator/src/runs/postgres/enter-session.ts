import type { SessionStrategy } from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { sql } from 'drizzle-orm';
import type { NewRun } from '../run-store.ts';
import { cancelInSession } from './cancel.ts';
import type { Executor } from './database.ts';
import { type SessionKey, setActive } from './sessions.ts';
import type { StoreContext } from './store-context.ts';

/**
 * The session's row is the lock under which its runs follow each other: it is taken before the row of any of them.
 *
 * @returns `own` when the run may answer now, `taken` when another one does and has to end first
 */
export async function enterSession(
  context: StoreContext,
  transaction: Executor,
  { runId, caller: { tenantId, sessionId } }: NewRun,
  strategy: SessionStrategy,
): Promise<'own' | 'taken'> {
  const active = await touchSession(transaction, { tenantId, sessionId });
  if (active !== null && strategy === 'reject') throw sessionBusy(active);
  if (active !== null && strategy === 'enqueue') return 'taken';
  if (active !== null) await cancelInSession(context, transaction, { tenantId, sessionId });
  await setActive(transaction, { tenantId, sessionId }, runId);
  return 'own';
}

/** Locks the session, and makes it where it is missing. @returns the run that answers in it */
export async function touchSession(transaction: Executor, { tenantId, sessionId }: SessionKey): Promise<string | null> {
  const { rows } = await transaction.execute<{ active_run_id: string | null }>(sql`
    INSERT INTO sessions (tenant_id, session_id) VALUES (${tenantId}, ${sessionId})
    ON CONFLICT (tenant_id, session_id) DO UPDATE SET updated_at = now() RETURNING active_run_id`);
  return rows[0]?.active_run_id ?? null;
}

function sessionBusy(runId: string): RubotError {
  return new RubotError(
    'conflict',
    `The run ${runId} still answers in this session. Wait for it, cancel it, or let your message wait or interrupt.`,
    {
      param: 'x-rubot-session-strategy',
    },
  );
}
