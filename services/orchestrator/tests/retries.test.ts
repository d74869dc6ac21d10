import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { type Orchestrator, RUN_ID, startOrchestrator } from './_harness.ts';
import { type ReadEvent, readEvents, readRun, textOf } from './_runs.ts';
import { startRun, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

interface Waiting {
  readonly name: string;
  readonly delay_ms: number;
}

/** The tickets that there are, with how long each has to wait since it was written. */
function readTickets(): Promise<Waiting[]> {
  return database.query<Waiting & Record<string, unknown>>(
    'SELECT name, (extract(epoch FROM start_after - created_on) * 1000)::integer AS delay_ms FROM pgboss.job ORDER BY name',
  );
}

/** Once the attempt has failed: how long the next is to wait; then it does not. */
async function hurry(failureCount: number): Promise<number> {
  await vi.waitFor(
    async () =>
      expect(await database.query('SELECT failure_count, status FROM runs')).toEqual([{ failure_count: failureCount, status: 'queued' }]),
    { timeout: 10_000, interval: 10 },
  );
  const [ticket] = await readTickets();
  await database.query('UPDATE pgboss.job SET start_after = now()');
  return ticket?.delay_ms ?? -1;
}

const namesOf = (events: readonly ReadEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'chunk');

describe('a run that nobody waits for', () => {
  it('is tried again while its agent is down, each time after a longer while, and completes when it is back', async () => {
    const port = Number(new URL(tables.origin).port);
    const orchestrator = await start({ BREAKER_FAILURES: '100' });
    await tables.close();
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    const delays = [await hurry(1), await hurry(2)];
    tables = await startFakeAgent({ id: 'tables', port });
    await hurry(3).catch(() => {});
    const events = await readEvents(orchestrator, RUN_ID);
    expect(textOf(events)).toBe('answer of tables');
    expect(namesOf(events).slice(0, 5)).toEqual(['start', 'retry', 'restart', 'retry', 'restart']);
    const retry = events.find(({ type }) => type === 'retry');
    expect(retry?.data).toMatchObject({ reason: { code: 'unavailable' } });
    expect(delays[0]).toBeGreaterThanOrEqual(500);
    expect(delays[0]).toBeLessThanOrEqual(1_000);
    expect(delays[1]).toBeGreaterThanOrEqual(1_000);
    expect(delays[1]).toBeLessThanOrEqual(2_000);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'completed', error: null });
    expect(await database.query('SELECT crash_count FROM runs')).toEqual([{ crash_count: 0 }]);
  });

  it('is tried again also when its agent is known to be down before it is begun', async () => {
    const orchestrator = await start({ BREAKER_FAILURES: '1', BREAKER_PAUSE_MS: '3600000', HEALTH_INTERVAL_MS: '3600000' });
    tables.onCompletion((exchange) => exchange.cut('reset'));
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await hurry(1);
    expect(tables.completions).toHaveLength(1);
    await hurry(2);
    // The breaker is open: nobody was asked.
    expect(tables.completions).toHaveLength(1);
    const other = await start();
    tables.onCompletion((exchange) => exchange.answer({ text: 'elsewhere' }));
    await orchestrator.deps.dispatcher.stop();
    expect(textOf(await readEvents(other, RUN_ID))).toBe('elsewhere');
  });

  it('is a dead letter when it was tried as often as may be, and can be tried again by an operator', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await start({ RUN_MAX_RETRIES: '2', BREAKER_FAILURES: '100' });
    await startRun(orchestrator, 'hi', { runId: RUN_ID, key: 'k' });
    await hurry(1);
    await hurry(2);
    const events = await readEvents(orchestrator, RUN_ID);
    expect(namesOf(events)).toEqual(['start', 'retry', 'restart', 'retry', 'restart', 'end']);
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'failed', attempt: 3, error: { code: 'upstream_failed' } });
    expect(
      await database.query('SELECT dead_at IS NOT NULL AS is_dead, request IS NOT NULL AS has_request, data_bearer FROM runs'),
    ).toEqual([{ is_dead: true, has_request: true, data_bearer: null }]);
    expect((await readTickets()).map(({ name }) => name)).toEqual(['runs_dead']);
    expect(await database.query('SELECT run_id FROM idempotency_keys')).toEqual([{ run_id: RUN_ID }]);
    expect(tables.completions).toHaveLength(3);
  });

  it('is no dead letter when it failed of something that would not pass', async () => {
    tables.onCompletion((exchange) =>
      exchange.refuse(
        400,
        JSON.stringify({ error: { message: 'No.', type: 'invalid_request_error', param: null, code: 'invalid_request' } }),
      ),
    );
    const orchestrator = await start();
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await untilStatus(database, 'failed');
    expect(await database.query('SELECT attempt, dead_at, request FROM runs')).toEqual([{ attempt: 1, dead_at: null, request: null }]);
    expect(await readTickets()).toEqual([]);
    expect(orchestrator.linesOf('run.retried')).toHaveLength(0);
  });

  it('has its crashes counted apart from its failures', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await start({ RUN_MAX_RETRIES: '2', BREAKER_FAILURES: '100' });
    const crash = async (attempt: number) => {
      await vi.waitFor(() => expect(tables.completions).toHaveLength(attempt));
      await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
      await orchestrator.deps.sweeper.sweep();
    };
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    await crash(1);
    await crash(2);
    await vi.waitFor(() => expect(tables.completions).toHaveLength(3));
    tables.onCompletion((exchange) => exchange.cut('reset'));
    tables.completions[2]?.cut('reset');
    await hurry(1);
    await hurry(2);
    await untilStatus(database, 'failed');
    expect(await database.query('SELECT attempt, crash_count, failure_count FROM runs')).toEqual([
      { attempt: 5, crash_count: 2, failure_count: 2 },
    ]);
    expect((await readRun(orchestrator, RUN_ID)).error?.code).toBe('upstream_failed');
  });

  it('whose processes die is a dead letter after the third, whatever it is allowed of failures', async () => {
    tables.onCompletion(() => {});
    const orchestrator = await start({ RUN_MAX_RETRIES: '20' });
    await startRun(orchestrator, 'hi', { runId: RUN_ID });
    for (let crash = 1; crash <= 3; crash += 1) {
      await vi.waitFor(() => expect(tables.completions).toHaveLength(crash));
      await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
      await orchestrator.deps.sweeper.sweep();
    }
    await untilStatus(database, 'failed');
    expect(await database.query('SELECT attempt, crash_count, failure_count, dead_at IS NOT NULL AS is_dead FROM runs')).toEqual([
      { attempt: 3, crash_count: 3, failure_count: 0, is_dead: true },
    ]);
    expect((await readRun(orchestrator, RUN_ID)).error?.code).toBe('run_crashed');
    expect((await readTickets()).map(({ name }) => name)).toEqual(['runs_dead']);
    expect(orchestrator.linesOf('run.buried')).toHaveLength(1);
  });
});
