import type { CallDecisions, SlotType, StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ChatRequest } from '@rubot/contracts/chat-request';
import type { Priority } from '@rubot/contracts/runs';
import { type SQL, sql } from 'drizzle-orm';
import type { StoredPlan } from '../../planning/stored-plan.ts';
import type { ClaimedRun, NewRun, RunStep, RunWriter } from '../run-store.ts';
import type { Executor } from './database.ts';
import { readEarlier } from './sessions.ts';
import { leaseOf, type StoreContext } from './store-context.ts';
import { findFullTenants } from './tenant-concurrency.ts';

type ToWriter = (run: NewRun, attempt: number, isRemembered: boolean) => RunWriter;

/** json columns come back as they were written by this same code. */
interface ClaimedRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly sender_id: string;
  readonly data_bearer: string | null;
  readonly bearer_grant: string | null;
  readonly request: ChatRequest;
  readonly allowed_agents: readonly string[] | null;
  readonly is_background: boolean;
  readonly is_remembered: boolean;
  readonly is_limited: boolean;
  readonly priority: Priority;
  readonly slot_type: SlotType;
  readonly plan: StoredPlan | null;
  readonly decisions: CallDecisions | null;
  readonly attempt: number;
  readonly failure_count: number;
  readonly trace_id: string;
  readonly span_id: string;
  readonly timeout_ms: number;
  readonly age_ms: number;
  readonly waited_ms: number;
}

interface StepRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly slice_id: string;
  readonly agent_id: string;
  readonly step: StepEvent;
}

/** Ticket and run change hands in one transaction: whoever dies in it has taken neither. */
export async function claimQueued(
  context: StoreContext,
  slotType: SlotType,
  limit: number,
  toWriter: ToWriter,
): Promise<readonly ClaimedRun[]> {
  const claimed = await context.db.transaction((transaction) =>
    context.limits.concurrency === undefined
      ? takeTogether(context, transaction, slotType, limit)
      : takeOneByOne(context, transaction, slotType, limit),
  );
  if (claimed.length === 0) return [];
  const steps = await readSteps(context, claimed);
  for (const { run_id } of claimed) context.onWrite(run_id);
  return Promise.all(claimed.map((row) => toClaimedRun(context, row, steps, toWriter)));
}

async function takeTogether(
  context: StoreContext,
  transaction: Executor,
  slotType: SlotType,
  limit: number,
): Promise<readonly ClaimedRow[]> {
  const runIds = await context.tickets.take(transaction, slotType, limit, []);
  return runIds.length === 0 ? [] : takeOver(context, transaction, runIds);
}

/** Where the runs of tenants are counted, each one that is taken counts for the next. */
async function takeOneByOne(
  context: StoreContext,
  transaction: Executor,
  slotType: SlotType,
  limit: number,
): Promise<readonly ClaimedRow[]> {
  const claimed: ClaimedRow[] = [];
  while (claimed.length < limit) {
    const fullTenants = await findFullTenants(context, transaction);
    const runIds = await context.tickets.take(transaction, slotType, 1, fullTenants);
    if (runIds.length === 0) break;
    // A ticket of a run that has ended meanwhile brings none.
    claimed.push(...(await takeOver(context, transaction, runIds)));
  }
  return claimed;
}

async function takeOver(context: StoreContext, transaction: Executor, runIds: readonly string[]): Promise<readonly ClaimedRow[]> {
  const { rows } = await transaction.execute<ClaimedRow>(sql`
    WITH claimed AS (
      UPDATE runs SET status = 'running', attempt = attempt + 1, lease_until = ${leaseOf(context)}, worker_id = ${context.workerId},
        last_seq = last_seq + CASE WHEN attempt = 0 THEN 0 ELSE 1 END
      WHERE run_id = ANY(${sql.param(runIds)}::text[]) AND status = 'queued' RETURNING runs.*
    ), restarted AS (
      INSERT INTO run_events (run_id, seq, type, data)
      SELECT run_id, last_seq, 'restart', json_build_object('attempt', attempt) FROM claimed WHERE attempt > 1
    )
    SELECT run_id, tenant_id, session_id, sender_id, data_bearer, bearer_grant, request, allowed_agents, is_background, is_remembered, is_limited, priority,
      slot_type, plan, decisions, attempt, failure_count, trace_id, span_id, ${toMs(sql`created_at`)} AS age_ms, ${toMs(sql`queued_at`)} AS waited_ms,
      CASE WHEN deadline_at IS NULL THEN timeout_ms
        ELSE greatest(0, floor(extract(epoch FROM deadline_at - now()) * 1000))::integer END AS timeout_ms
    FROM claimed`);
  return rows;
}

function toMs(since: SQL): SQL {
  return sql`greatest(0, extract(epoch FROM now() - ${since}) * 1000)::double precision`;
}

/** Of those that were begun before; a new run has none. */
async function readSteps({ db }: StoreContext, claimed: readonly ClaimedRow[]): Promise<readonly StepRow[]> {
  const runIds = claimed.filter((row) => row.attempt > 1).map((row) => row.run_id);
  if (runIds.length === 0) return [];
  const { rows } = await db.execute<StepRow>(sql`
    SELECT run_id, slice_id, agent_id, step FROM run_steps WHERE run_id = ANY(${sql.param(runIds)}::text[]) ORDER BY run_id, slice_id, step_index`);
  return rows;
}

async function toClaimedRun(context: StoreContext, row: ClaimedRow, steps: readonly StepRow[], toWriter: ToWriter): Promise<ClaimedRun> {
  const caller = { tenantId: row.tenant_id, sessionId: row.session_id, senderId: row.sender_id, dataBearer: row.data_bearer ?? undefined };
  const run: NewRun = {
    runId: row.run_id,
    caller,
    bearerGrant: row.bearer_grant ?? undefined,
    request: row.request,
    allowedAgents: row.allowed_agents,
    timeoutMs: row.timeout_ms,
    isBackground: row.is_background,
    priority: row.priority,
    slotType: row.slot_type,
    traceId: row.trace_id,
    spanId: row.span_id,
    isLimited: row.is_limited,
  };
  return {
    ...run,
    writer: toWriter(run, row.attempt, row.is_remembered),
    failureCount: row.failure_count,
    ageMs: row.age_ms,
    waitedMs: row.waited_ms,
    plan: row.plan ?? undefined,
    steps: steps.filter((step) => step.run_id === row.run_id).map(toRunStep),
    decisions: row.decisions ?? {},
    earlier: row.is_remembered ? await readEarlier(context.db, caller) : ([] satisfies readonly ChatMessage[]),
  };
}

function toRunStep({ slice_id, agent_id, step }: StepRow): RunStep {
  return { sliceId: slice_id, agentId: agent_id, step };
}
