import type { ChatMessage } from '@rubot/contracts/chat-request';
import { sql } from 'drizzle-orm';
import type { AnswerPart } from '../../dispatch/answer.ts';
import { toMessage } from '../../dispatch/collect.ts';
import type { Caller } from '../run.ts';
import type { Executor } from './database.ts';
import { insertTickets } from './insert-tickets.ts';
import { type StoreContext, toJson } from './store-context.ts';

export type SessionKey = Pick<Caller, 'tenantId' | 'sessionId'>;

/** How much of a conversation is given to a run: the newest turns. */
const MAX_TURNS = 200;

/** Whose turn it is. */
export async function setActive(transaction: Executor, { tenantId, sessionId }: SessionKey, runId: string | null): Promise<void> {
  await transaction.execute(sql`
    UPDATE sessions SET active_run_id = ${runId}, updated_at = now() WHERE tenant_id = ${tenantId} AND session_id = ${sessionId}`);
}

/** To be called before the row of a remembered run is changed for its end. */
export async function lockSession(transaction: Executor, { tenantId, sessionId }: SessionKey): Promise<void> {
  await transaction.execute(sql`SELECT 1 FROM sessions WHERE tenant_id = ${tenantId} AND session_id = ${sessionId} FOR UPDATE`);
}

export type RememberedRun = SessionKey & { readonly runId: string };

/** What the client said in a run; to be asked for before the end of the run takes it away. */
export async function readMessages(transaction: Executor, { runId }: RememberedRun): Promise<readonly ChatMessage[]> {
  const { rows } = await transaction.execute<{ messages: ChatMessage[] | null }>(sql`
    SELECT request -> 'messages' AS messages FROM runs WHERE run_id = ${runId}`);
  return rows[0]?.messages ?? [];
}

/** Keeps what was said in a run that has answered. */
export async function keepTurn(
  transaction: Executor,
  { runId, tenantId, sessionId }: RememberedRun,
  said: readonly ChatMessage[],
): Promise<void> {
  const { rows } = await transaction.execute<{ data: AnswerPart }>(sql`
    SELECT data FROM run_events WHERE run_id = ${runId} AND type = 'chunk'
      AND seq > (SELECT coalesce(max(seq), 0) FROM run_events WHERE run_id = ${runId} AND type = 'restart') ORDER BY seq`);
  const turn = [...said, toMessage(rows.map(({ data }) => data))];
  await transaction.execute(sql`
    WITH session AS (
      UPDATE sessions SET turn_count = turn_count + 1 WHERE tenant_id = ${tenantId} AND session_id = ${sessionId} RETURNING turn_count
    )
    INSERT INTO session_turns (tenant_id, session_id, turn, run_id, messages)
    SELECT ${tenantId}::text, ${sessionId}::text, turn_count, ${runId}::text, ${toJson(turn)}::json FROM session`);
}

/** Lets the next run of the session have its turn, if it was this one's. */
export async function leaveSession(context: StoreContext, transaction: Executor, run: RememberedRun): Promise<void> {
  const { rows } = await transaction.execute<{ next_run_id: string | null }>(sql`
    SELECT (
      SELECT run_id FROM runs WHERE tenant_id = ${run.tenantId} AND session_id = ${run.sessionId} AND is_remembered AND finished_at IS NULL
        AND run_id <> ${run.runId} ORDER BY created_at, run_id LIMIT 1
    ) AS next_run_id FROM sessions
    WHERE tenant_id = ${run.tenantId} AND session_id = ${run.sessionId} AND active_run_id = ${run.runId}`);
  // One that was ended while it waited takes nobody's turn.
  const [turn] = rows;
  if (turn === undefined) return;
  await setActive(transaction, run, turn.next_run_id);
  if (turn.next_run_id === null) return;
  await transaction.execute(sql`UPDATE runs SET queued_at = now() WHERE run_id = ${turn.next_run_id}`);
  await insertTickets(context, transaction, [turn.next_run_id]);
}

/** What was said in the session before, oldest first. */
export async function readEarlier(executor: Executor, { tenantId, sessionId }: SessionKey): Promise<readonly ChatMessage[]> {
  const { rows } = await executor.execute<{ messages: ChatMessage[] }>(sql`
    SELECT messages FROM session_turns WHERE tenant_id = ${tenantId} AND session_id = ${sessionId} ORDER BY turn DESC LIMIT ${MAX_TURNS}`);
  return rows.reverse().flatMap(({ messages }) => messages);
}
