import type { SlotType } from '@rubot/contracts/agent';
import { RubotError } from '@rubot/errors';
import { type SQL, sql } from 'drizzle-orm';
import type { NewEvent, NewRun, RunBatch, RunOutcome, RunWriter } from '../run-store.ts';
import type { Executor } from './database.ts';
import { orUnavailable } from './failures.ts';
import { fencedUpdate, setOutcome } from './fenced-update.ts';
import type { FencedWrite } from './grouped-writes.ts';
import { insertTickets, toWaiting } from './insert-tickets.ts';
import { occupyAgents } from './occupy-agents.ts';
import { keepTurn, leaveSession, lockSession, readMessages } from './sessions.ts';
import { costOf, type StoreContext, toJson, withoutReader } from './store-context.ts';

export interface RunWriterOptions {
  readonly context: StoreContext;
  readonly run: NewRun;
  readonly attempt: number;
  readonly isRemembered: boolean;
}

export function createRunWriter({ context, run, attempt, isRemembered }: RunWriterOptions): RunWriter {
  const { runId } = run;
  const { tenantId, sessionId } = run.caller;
  const remembered = { runId, tenantId, sessionId };

  async function update(executor: Executor, changes: SQL, events: readonly NewEvent[], alsoInserts?: SQL): Promise<void> {
    const also = alsoInserts === undefined ? {} : { alsoInserts };
    if (!(await fencedUpdate(executor, { runId, attempt, changes, events, ...also }))) throw lostRun(runId);
  }

  async function commit(write: (executor: Executor) => Promise<void>, inTransaction: boolean): Promise<void> {
    await orUnavailable(() => (inTransaction ? context.db.transaction(write) : write(context.db)));
    context.onWrite(runId);
  }

  async function writeTogether(write: Omit<FencedWrite, 'runId' | 'attempt'>): Promise<void> {
    const isOurs = await orUnavailable(() => context.writes.submit({ runId, attempt, ...write }));
    if (!isOurs) throw lostRun(runId);
    context.onWrite(runId);
  }

  async function end(executor: Executor, outcome: RunOutcome, events: readonly NewEvent[]): Promise<void> {
    const changes = setOutcome(outcome, costOf(context, outcome));
    const freesKey = outcome.freesKey === true ? FREE_KEY : undefined;
    if (!isRemembered) return update(executor, changes, events, freesKey);
    await lockSession(executor, remembered);
    const said = await readMessages(executor, remembered);
    await update(executor, changes, events, freesKey);
    if (outcome.status === 'completed' || outcome.status === 'partial') await keepTurn(executor, remembered, said);
    await leaveSession(context, executor, remembered);
  }

  function writeEnd(outcome: RunOutcome, events: readonly NewEvent[]): Promise<void> {
    const isDead = outcome.isDeadLetter === true;
    if (!isDead && !isRemembered && outcome.freesKey !== true) {
      return writeTogether({ events, outcome, costNanoUsd: costOf(context, outcome) });
    }
    return commit(async (executor) => {
      await end(executor, outcome, events);
      if (isDead) await context.tickets.bury(executor, { runId, tenantId });
    }, isDead || isRemembered);
  }

  async function waitAgain(changes: SQL, events: readonly NewEvent[], delayMs: number, slotType: SlotType = run.slotType): Promise<void> {
    await commit(async (executor) => {
      await update(executor, sql`${toWaiting(delayMs)}, ${changes}`, events);
      await insertTickets(context, executor, [runId], delayMs);
    }, true);
    if (delayMs === 0) context.onQueued(slotType);
  }

  return {
    runId,
    attempt,
    write: ({ events, plan, step }: RunBatch) => writeTogether({ events, plan, step }),
    async finish(outcome, events) {
      await writeEnd(outcome, events);
      // Before the answer is whole: whoever reads it may ask again at once.
      if (run.isLimited) await context.settle(runId);
    },
    park(calls, events) {
      const changes = sql`status = 'requires_action', lease_until = NULL, worker_id = NULL, agent_ids = NULL, pending_calls = ${toJson(calls)}::json,
        ${withoutReader(context)}`;
      return commit((executor) => update(executor, changes, events), false);
    },
    retryLater: (delayMs, events, plan) =>
      waitAgain(sql`failure_count = failure_count + 1, plan = coalesce(${toJson(plan)}::json, plan)`, events, delayMs),
    moveTo: (slotType, delayMs, plan) =>
      waitAgain(
        sql`slot_type = ${slotType}, plan = ${toJson(plan)}::json`,
        [{ type: 'retry', data: { slot_type: slotType } }],
        delayMs,
        slotType,
      ),
    async occupy(agentIds, limits) {
      const limited = agentIds.filter((agentId) => limits.has(agentId));
      if (limited.length === 0) return [];
      const full = await orUnavailable(() => occupyAgents(context, { runId, attempt, agentIds: limited, limits }));
      if (full === undefined) throw lostRun(runId);
      return full;
    },
  };
}

/** A failure that comes before anything was done leaves the key to the next try. */
const FREE_KEY = sql`, freed AS (DELETE FROM idempotency_keys USING held WHERE idempotency_keys.run_id = held.run_id)`;

function lostRun(runId: string): RubotError {
  return new RubotError('conflict', `The run ${runId} has ended or goes on elsewhere. Read it at /v1/runs/${runId}/events.`);
}
