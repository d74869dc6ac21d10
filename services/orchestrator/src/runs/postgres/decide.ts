import type { CallDecisions, SlotType } from '@rubot/contracts/agent';
import type { PendingToolCall } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { sql } from 'drizzle-orm';
import type { Approval, IdempotencyKey, RunOwner } from '../run-store.ts';
import { insertEvents } from './fenced-update.ts';
import { keepKey } from './idempotency-keys.ts';
import { insertTickets, toWaiting } from './insert-tickets.ts';
import { isOf, type StoreContext, toJson } from './store-context.ts';

interface ParkedRow extends Record<string, unknown> {
  readonly status: string;
  readonly slot_type: SlotType;
  readonly pending_calls: readonly PendingToolCall[] | null;
  readonly decisions: CallDecisions | null;
}

/** Keeps a person's decision on a call; with the last one that is missing, the run waits for a slot again. */
export async function decide(
  context: StoreContext,
  approval: Approval,
  owner: RunOwner,
  idempotency: IdempotencyKey | undefined,
): Promise<void> {
  const { runId, toolCallId, decision, dataBearer, bearerGrant } = approval;
  const queuedAs = await context.db.transaction(async (transaction) => {
    const { rows } = await transaction.execute<ParkedRow>(sql`
      SELECT status, slot_type, pending_calls, decisions FROM runs WHERE run_id = ${runId} AND ${isOf(owner)} FOR UPDATE`);
    const [run] = rows;
    const call = run?.pending_calls?.find((pending) => pending.tool_call_id === toolCallId);
    if (run === undefined || call === undefined || run.status !== 'requires_action') throw notPending(approval, run);
    const missing = (run.pending_calls ?? []).filter((pending) => pending.tool_call_id !== toolCallId);
    const isLast = missing.length === 0;
    const event = { type: 'approval', data: { tool_call_id: toolCallId, name: call.name, decision: decision.decision } } as const;
    await transaction.execute(sql`
      WITH held AS (
        UPDATE runs SET ${isLast ? sql`${toWaiting()},` : sql``} pending_calls = ${toJson(missing)}::json,
          decisions = ${toJson({ ...run.decisions, [toolCallId]: decision })}::json,
          data_bearer = ${dataBearer}, bearer_grant = coalesce(${bearerGrant ?? null}::text, bearer_grant), last_seq = last_seq + 1
        WHERE run_id = ${runId} RETURNING run_id, last_seq - 1 AS base
      )${keepKey(idempotency, runId, owner)}
      ${insertEvents([event])}`);
    if (isLast) await insertTickets(context, transaction, [runId]);
    return isLast ? run.slot_type : undefined;
  });
  context.onWrite(runId);
  if (queuedAs !== undefined) context.onQueued(queuedAs);
}

function notPending({ runId, toolCallId }: Approval, run: ParkedRow | undefined): RubotError {
  if (run === undefined) return new RubotError('not_found', 'There is no such run. Check the id, and who asks.');
  const known = run.decisions?.[toolCallId];
  if (known !== undefined)
    return new RubotError(
      'conflict',
      `The call ${toolCallId} was decided already: ${known.decision}. Read on at /v1/runs/${runId}/events.`,
    );
  if (run.status === 'requires_action') return new RubotError('not_found', `The run waits for no decision on a call ${toolCallId}.`);
  return new RubotError('conflict', `The run is ${run.status} and waits for no decision. Read it at /v1/runs/${runId}.`);
}
