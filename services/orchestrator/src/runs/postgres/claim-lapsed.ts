import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatRequest } from '@rubot/contracts/chat-request';
import { type SQL, sql } from 'drizzle-orm';
import type { StoredPlan } from '../../planning/stored-plan.ts';
import type { ClaimedRun, RunStep, RunWriter } from '../run-store.ts';
import type { Database } from './database.ts';

export interface ClaimOptions {
  readonly db: Database;
  readonly lease: SQL;
  readonly limit: number;
  readonly toWriter: (runId: string, attempt: number) => RunWriter;
}

/** json columns come back as they were written by this same code. */
interface ClaimedRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly sender_id: string;
  readonly data_bearer: string;
  readonly request: ChatRequest;
  readonly allowed_agents: readonly string[] | null;
  readonly plan: StoredPlan | null;
  readonly attempt: number;
  readonly crash_count: number;
  readonly trace_id: string;
  readonly span_id: string;
  readonly timeout_ms: number;
}

interface StepRow extends Record<string, unknown> {
  readonly run_id: string;
  readonly slice_id: string;
  readonly agent_id: string;
  readonly step: StepEvent;
}

/** Takes runs whose holders have been silent for too long. Any number of processes may try at once: each run goes to one. */
export async function claimLapsed({ db, lease, limit, toWriter }: ClaimOptions): Promise<readonly ClaimedRun[]> {
  const claimed = await db.execute<ClaimedRow>(sql`
    WITH lapsed AS MATERIALIZED (
      SELECT run_id FROM runs WHERE status = 'running' AND lease_until <= now()
      ORDER BY lease_until LIMIT ${limit} FOR UPDATE SKIP LOCKED
    ), claimed AS (
      UPDATE runs SET attempt = attempt + 1, crash_count = crash_count + CASE WHEN is_handed_back THEN 0 ELSE 1 END,
        is_handed_back = false, lease_until = ${lease}, last_seq = last_seq + 1
      FROM lapsed WHERE runs.run_id = lapsed.run_id RETURNING runs.*
    ), restarted AS (
      INSERT INTO run_events (run_id, seq, type, data)
      SELECT run_id, last_seq, 'restart', json_build_object('attempt', attempt) FROM claimed
    )
    SELECT run_id, tenant_id, session_id, sender_id, data_bearer, request, allowed_agents, plan, attempt, crash_count, trace_id, span_id,
      greatest(0, floor(extract(epoch FROM deadline_at - now()) * 1000))::integer AS timeout_ms
    FROM claimed`);
  if (claimed.rows.length === 0) return [];
  const runIds = sql.param(claimed.rows.map((row) => row.run_id));
  const steps = await db.execute<StepRow>(sql`
    SELECT run_id, slice_id, agent_id, step FROM run_steps WHERE run_id = ANY(${runIds}::text[]) ORDER BY run_id, slice_id, step_index`);
  return claimed.rows.map((row) => toClaimedRun(row, steps.rows, toWriter));
}

function toClaimedRun(row: ClaimedRow, steps: readonly StepRow[], toWriter: ClaimOptions['toWriter']): ClaimedRun {
  return {
    runId: row.run_id,
    caller: { tenantId: row.tenant_id, sessionId: row.session_id, senderId: row.sender_id, dataBearer: row.data_bearer },
    request: row.request,
    allowedAgents: row.allowed_agents,
    timeoutMs: row.timeout_ms,
    traceId: row.trace_id,
    spanId: row.span_id,
    writer: toWriter(row.run_id, row.attempt),
    crashCount: row.crash_count,
    plan: row.plan ?? undefined,
    steps: steps.filter((step) => step.run_id === row.run_id).map(toRunStep),
  };
}

function toRunStep({ slice_id, agent_id, step }: StepRow): RunStep {
  return { sliceId: slice_id, agentId: agent_id, step };
}
