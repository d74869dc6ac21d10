import { randomUUID } from 'node:crypto';
import { createLogger } from '@rubot/logging';
import { ORCHESTRATOR_EVENTS } from '@rubot/orchestrator/events';
import { createDispatcher } from '@rubot/orchestrator/queue/dispatcher';
import { createSlots } from '@rubot/orchestrator/queue/slots';
import { type Database, openDatabase } from '@rubot/orchestrator/runs/postgres/database';
import { migrate } from '@rubot/orchestrator/runs/postgres/migrate';
import { createPostgresRunStore } from '@rubot/orchestrator/runs/postgres/run-store';
import { createTickets } from '@rubot/orchestrator/runs/postgres/tickets';
import type { ClaimedRun, NewRun, RunOutcome } from '@rubot/orchestrator/runs/run-store';
import { REPOSITORY } from '../../src/repository.ts';
import { type ClosedLoop, measureClosedLoop } from '../measures/closed-loop.ts';
import { measureOpenLoop } from '../measures/open-loop.ts';
import { CONCURRENCY } from './completions.ts';
import { MAX_CONNECTIONS } from './raw-sql.ts';

export interface OwnQueue {
  /** Runs from their admission to their end, in the queue between them: producers admit one at a time each, each for a tenant of its own. */
  measure(turnMs: number): Promise<ClosedLoop>;
  /** Times from the moment at which a run was due to be admitted until its work began. */
  measureStart(ratePerSecond: number, turnMs: number): Promise<number[]>;
  close(): Promise<void>;
}

const MIGRATIONS = new URL('services/orchestrator/src/migrations/', REPOSITORY);
/** As many as there are jobs in a batch of the consumer beside it. */
const SLOTS = { cpu: 50, gpu: 0 };
const POLL_MS = 100;
const LEASE_MS = 30_000;
const NO_LIMITS = { concurrency: undefined, queueDepth: 1_000_000 };
const OUTCOME: RunOutcome = {
  status: 'completed',
  slices: [],
  usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
  error: undefined,
};

/** The orchestrator's own store and queue, in this process; what a run does is nothing. */
export async function openOwnQueue(databaseUrl: string): Promise<OwnQueue> {
  const { db, close } = openDatabase({ url: databaseUrl, maxConnections: MAX_CONNECTIONS });
  await migrate(db, MIGRATIONS);
  const tickets = createTickets(db, (error) => process.stderr.write(`pg-boss: ${error.message}\n`));
  await tickets.start();
  const queue = assemble(db, tickets);
  queue.dispatcher.start();
  return {
    async measure(turnMs) {
      const startMs = performance.now();
      const ends: Promise<void>[] = [];
      const { count } = await measureClosedLoop({
        concurrency: CONCURRENCY,
        turnMs,
        async work(worker) {
          const { admitted, ended } = queue.begin(`tenant-${worker}`);
          ends.push(ended);
          await admitted;
        },
      });
      await Promise.all(ends);
      return { count, perSecond: (count * 1_000) / (performance.now() - startMs) };
    },
    measureStart: (ratePerSecond, turnMs) =>
      measureOpenLoop({ ratePerSecond, turnMs, send: (index) => queue.begin(`tenant-${index % CONCURRENCY}`).started }),
    async close() {
      await queue.dispatcher.stop();
      await tickets.stop();
      await close();
    },
  };
}

interface Job {
  /** Accepted: nothing can lose it any more. */
  readonly admitted: Promise<unknown>;
  /** The moment at which its work began. */
  readonly started: Promise<number>;
  readonly ended: Promise<void>;
}

function assemble(db: Database, tickets: ReturnType<typeof createTickets>) {
  const source = { service: 'bench', environment: 'development', deploymentHash: 'local', level: 'error' } as const;
  const logger = createLogger({ source, events: ORCHESTRATOR_EVENTS, sink: (line) => process.stderr.write(`${JSON.stringify(line)}\n`) });
  const waiting = new Map<string, { readonly start: (atMs: number) => void; readonly end: () => void }>();
  const store = createPostgresRunStore({
    db,
    tickets,
    workerId: 'bench',
    leaseMs: LEASE_MS,
    limits: NO_LIMITS,
    backgroundTimeoutMs: 60_000,
    watchIntervalMs: POLL_MS,
    onQueued: (slotType) => dispatcher.hint(slotType),
    onEnded() {},
    settle: async () => {},
    prices: undefined,
  });

  async function work({ runId, writer }: ClaimedRun): Promise<void> {
    waiting.get(runId)?.start(performance.now());
    await writer.finish(OUTCOME, [{ type: 'end', data: { status: OUTCOME.status } }]);
    waiting.get(runId)?.end();
    waiting.delete(runId);
  }

  const dispatcher = createDispatcher({ runs: store, slots: createSlots(SLOTS), pollMs: POLL_MS, work, logger });

  return {
    dispatcher,
    begin(tenantId: string): Job {
      const run = toRun(tenantId);
      const started = Promise.withResolvers<number>();
      const ended = Promise.withResolvers<void>();
      waiting.set(run.runId, { start: started.resolve, end: ended.resolve });
      const admitted = store.admit({ run, mayBegin: false, idempotency: undefined, session: undefined });
      return { admitted, started: started.promise, ended: ended.promise };
    },
  };
}

/** As small as the job beside it: what is measured is the queue. */
function toRun(tenantId: string): NewRun {
  return {
    runId: `run_${randomUUID().replaceAll('-', '')}`,
    caller: { tenantId, sessionId: 'session', senderId: 'sender', dataBearer: 'a' },
    bearerGrant: undefined,
    request: { model: 'rubot', messages: [{ role: 'user', content: 'hi' }] },
    allowedAgents: null,
    timeoutMs: 60_000,
    isBackground: true,
    isLimited: false,
    priority: 'normal',
    slotType: 'cpu',
    traceId: 'a'.repeat(32),
    spanId: 'b'.repeat(16),
  };
}
