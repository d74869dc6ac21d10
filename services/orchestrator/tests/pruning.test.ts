import { setTimeout } from 'node:timers/promises';
import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../src/runs/postgres/database.ts';
import { createTickets } from '../src/runs/postgres/tickets.ts';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { startFakeGateway } from './_gateway.ts';
import { ask, GATEWAY_KEY, gatewayHeaders, type Orchestrator, RUN_ID, readCompletion, startOrchestrator } from './_harness.ts';
import { readKept } from './_limits.ts';
import { askRuns, readEvents, readPage, readRun, textOf } from './_runs.ts';

const toRunId = (number: number) => `run_${String(number).padStart(32, '0')}`;

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string> = {}, starts = true): Promise<Orchestrator> {
  return startOrchestrator({
    agents: [tables],
    database,
    starts,
    env: { EVENTS_RETENTION_HOURS: '48', RUN_RETENTION_HOURS: '96', ...env },
  });
}

/** What time would do to every run, or to this one. */
async function pass(hours: number, runId = '%'): Promise<void> {
  await database.query(
    `UPDATE runs SET created_at = created_at - $1 * interval '1 hour', finished_at = finished_at - $1 * interval '1 hour',
      queued_at = queued_at - $1 * interval '1 hour' WHERE run_id LIKE $2`,
    [hours, runId],
  );
  await database.query(`UPDATE idempotency_keys SET created_at = created_at - $1 * interval '1 hour'`, [hours]);
  await database.query(`UPDATE sessions SET updated_at = updated_at - $1 * interval '1 hour'`, [hours]);
}

async function countRows(): Promise<Record<string, number>> {
  const [counts] = await database.query<Record<string, number>>(`
    SELECT (SELECT count(*)::integer FROM runs) AS runs, (SELECT count(*)::integer FROM run_events) AS events,
      (SELECT count(*)::integer FROM run_steps) AS steps, (SELECT count(*)::integer FROM idempotency_keys) AS keys,
      (SELECT count(*)::integer FROM sessions) AS sessions, (SELECT count(*)::integer FROM session_turns) AS turns`);
  return counts ?? {};
}

/** Runs that have ended so long ago, with one event and one step each. */
async function insertEnded(from: number, to: number, hoursAgo: number, lastSeq = 1): Promise<void> {
  const id = `'run_' || lpad(number::text, 32, '0')`;
  await database.query(
    `INSERT INTO runs (run_id, tenant_id, session_id, sender_id, model, status, attempt, last_seq, trace_id, span_id, finished_at)
    SELECT ${id}, 'acme', 's', '+15550100', 'rubot', 'completed', 1, $4, repeat('a', 32), repeat('b', 16), now() - $3 * interval '1 hour'
    FROM generate_series($1::integer, $2::integer) AS number`,
    [from, to, hoursAgo, lastSeq],
  );
  await database.query(
    `INSERT INTO run_events (run_id, seq, type, data) SELECT ${id}, $3, 'end', '{}' FROM generate_series($1::integer, $2::integer) AS number`,
    [from, to, lastSeq],
  );
}

describe('the events of a run that ended long ago', () => {
  it('are told as one gap, and then its end: as a stream and as a page, from every number', async () => {
    const orchestrator = await start();
    await readCompletion(await orchestrator.complete(ask('hi')));
    const { last_seq: lastSeq } = await readRun(orchestrator, RUN_ID);
    await pass(49);
    await orchestrator.deps.keeper.keep();
    const run = await readRun(orchestrator, RUN_ID);
    expect(run).toMatchObject({ status: 'completed', last_seq: lastSeq, usage: { total_tokens: expect.any(Number) } });
    expect(await countRows()).toMatchObject({ runs: 1, events: 0 });

    for (let afterSeq = 0; afterSeq < lastSeq; afterSeq += 1) {
      const gap = { from_seq: afterSeq + 1, to_seq: lastSeq, run };
      expect(await readEvents(orchestrator, RUN_ID, { query: `?after_seq=${afterSeq}` })).toEqual([
        { seq: undefined, type: 'gap', data: gap },
        { seq: undefined, type: 'end', data: { status: 'completed', usage: run.usage, slices: run.slices, error: null } },
      ]);
      expect(await readPage(orchestrator, RUN_ID, `?after_seq=${afterSeq}`)).toEqual({
        object: 'list',
        data: [],
        gap,
        last_seq: lastSeq,
        ended: true,
      });
    }
    expect((await readEvents(orchestrator, RUN_ID, { query: `?after_seq=${lastSeq}` })).map(({ type }) => type)).toEqual(['end']);
    expect((await askRuns(orchestrator, `/${RUN_ID}/events?after_seq=${lastSeq + 1}`)).status).toBe(400);
    expect(orchestrator.linesOf('prune.completed')).toMatchObject([{ extra: { kind: 'events', count: 1 } }]);
  });

  it('are kept as long as they shall be, and those of a run that has not ended for ever', async () => {
    const orchestrator = await start();
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const answer = orchestrator.complete(ask('hi', { stream: true })).then((response) => response.text());
    const open = await tables.nextCompletion();
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: toRunId(1) } }));
    await pass(10_000, RUN_ID);
    await pass(47, toRunId(1));
    await orchestrator.deps.keeper.keep();
    open.finish();
    await answer;
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('begun ');
    expect(textOf(await readEvents(orchestrator, toRunId(1)))).toBe('ok');
    expect(orchestrator.linesOf('prune.completed')).toEqual([]);
  });

  it('are thrown away by the thousand, by many at once, in bounded statements, and those of others are not', async () => {
    await insertEnded(1, 1_700, 49);
    await insertEnded(2_001, 2_010, 50, 30_000);
    await insertEnded(3_001, 3_300, 47);
    const keepers = await Promise.all(Array.from({ length: 4 }, () => start({}, false)));
    await Promise.all(keepers.map(({ deps }) => deps.keeper.keep()));
    expect(await database.query('SELECT count(*)::integer AS count, min(run_id) AS first FROM run_events')).toEqual([
      { count: 300, first: toRunId(3_001) },
    ]);
    expect(await countRows()).toMatchObject({ runs: 2_010 });
    // Whoever has looked goes on from there, and finds what is due since.
    await pass(2, toRunId(3_300));
    await keepers[0]?.deps.keeper.keep();
    expect(await countRows()).toMatchObject({ events: 299 });
    expect(keepers.flatMap(({ lines }) => lines).filter((line) => line.event_type === 'prune.failed')).toEqual([]);
  });
});

describe('a run that ended very long ago', () => {
  it('is gone, with all that was kept of it', async () => {
    const orchestrator = await start({ RUN_MAX_RETRIES: '0' });
    tables.onCompletion((exchange) => exchange.cut('reset'));
    await fetch(`${orchestrator.url}/v1/runs`, {
      method: 'POST',
      headers: { ...gatewayHeaders(), [HEADERS.idempotencyKey]: 'k1' },
      body: JSON.stringify(ask('hi')),
    });
    await readEvents(orchestrator, RUN_ID);
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    const young = { [HEADERS.runId]: toRunId(1), [HEADERS.idempotencyKey]: 'k2' };
    await readCompletion(await orchestrator.complete(ask('hi'), { headers: young }));
    const deadTickets = () => database.query("SELECT 1 FROM pgboss.job WHERE name = 'runs_dead'");
    expect([(await deadTickets()).length, await countRows()]).toMatchObject([1, { runs: 2, keys: 2 }]);

    await database.query(`UPDATE runs SET finished_at = now() - interval '97 hours' WHERE run_id = $1`, [RUN_ID]);
    await orchestrator.deps.keeper.keep();
    expect([(await deadTickets()).length, await countRows()]).toMatchObject([0, { runs: 1, keys: 1 }]);
    expect((await askRuns(orchestrator, `/${RUN_ID}`)).status).toBe(404);
    expect((await askRuns(orchestrator, `/${RUN_ID}/events`)).status).toBe(404);
    expect((await readEvents(orchestrator, toRunId(1))).at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
    expect(await database.query('SELECT DISTINCT run_id FROM run_events')).toEqual([{ run_id: toRunId(1) }]);
  });

  it('is either gone or back in the queue when it is redriven at that moment, and never half of it', async () => {
    const ROUNDS = 30;
    const gateway = await startFakeGateway();
    const env = { GATEWAY_URL: gateway.url };
    // Neither takes anything out of the queue.
    const [first, second] = [await start(env, false), await start(env, false)];
    const { db, close } = openDatabase({ url: database.url, maxConnections: 1 });
    onTestFinished(close);
    const tickets = createTickets(db, () => {});
    await tickets.start();
    onTestFinished(() => tickets.stop());
    const outcomes = { gone: 0, queued: 0 };
    for (let number = 1; number <= ROUNDS; number += 1) {
      const runId = toRunId(number);
      await insertEnded(number, number, 97);
      await database.query(`UPDATE runs SET status = 'failed', dead_at = now(), bearer_grant = 'g', request = '{}' WHERE run_id = $1`, [
        runId,
      ]);
      await tickets.bury(db, { runId, tenantId: 'acme' });
      const redrive = () =>
        fetch(`${second.url}/admin/dead-letters/redrive`, {
          method: 'POST',
          headers: { authorization: `Bearer ${GATEWAY_KEY}`, 'content-type': 'application/json' },
          body: JSON.stringify({ run_ids: [runId] }),
        });
      const order = number % 10;
      if (order === 0) await redrive();
      // Later from round to round, so that they meet somewhere.
      await Promise.all([
        first.deps.keeper.keep(),
        second.deps.keeper.keep(),
        order < 2 ? undefined : setTimeout(2 * number).then(redrive),
      ]);
      if (order === 1) await redrive();
      const [state] = await database.query<{ run: string | null; events: number; tickets: string | null }>(
        `SELECT (SELECT status FROM runs WHERE run_id = $1) AS run, (SELECT count(*)::integer FROM run_events WHERE run_id = $1) AS events,
          (SELECT string_agg(name, ',') FROM pgboss.job WHERE data ->> 'run_id' = $1) AS tickets`,
        [runId],
      );
      if (state?.run === null) {
        expect(state).toEqual({ run: null, events: 0, tickets: null });
        outcomes.gone += 1;
      } else {
        expect(state).toEqual({ run: 'queued', events: expect.any(Number), tickets: 'runs_cpu' });
        // The newest event at least is of the time after it was revived.
        expect(state?.events).toBeGreaterThanOrEqual(1);
        outcomes.queued += 1;
      }
    }
    expect(outcomes.gone + outcomes.queued).toBe(ROUNDS);
    expect(Math.min(outcomes.gone, outcomes.queued), JSON.stringify(outcomes)).toBeGreaterThanOrEqual(3);
  });
});

describe('counters of limits', () => {
  it('go when nothing counts for them any more, and are made again when they are needed', async () => {
    const orchestrator = await start();
    const insert = 'INSERT INTO limit_counters (scope, kind, window_start, used, previous) VALUES ($1, $2, $3, $4, 0)';
    const longAgo = new Date(Date.now() - 33 * 86_400_000);
    const lately = new Date(Date.now() - 30 * 86_400_000);
    await database.query(insert, ['tenant:gone', 'usd_per_month', longAgo, 5]);
    await database.query(insert, ['tenant:gone', 'concurrent_runs', new Date(0), 0]);
    await database.query(insert, ['tenant:here', 'usd_per_month', lately, 5]);
    await database.query(insert, ['tenant:here', 'concurrent_runs', new Date(0), 1]);
    await orchestrator.deps.keeper.keep();
    expect(Object.keys(await readKept(database))).toEqual(['tenant:here concurrent_runs', 'tenant:here usd_per_month']);
    const response = await orchestrator.complete(ask('hi'), {
      headers: { [HEADERS.tenantId]: 'gone', [HEADERS.limits]: '{"tenant":{"concurrent_runs":1}}' },
    });
    expect(response.status).toBe(200);
  });
});

describe('what else is not kept', () => {
  it('is a key older than a day, unless its run goes on', async () => {
    const orchestrator = await start();
    const complete = (runId: string, key: string, stream = false) =>
      orchestrator.complete(ask('hi', { stream }), { headers: { [HEADERS.runId]: runId, [HEADERS.idempotencyKey]: key } });
    await readCompletion(await complete(toRunId(1), 'old'));
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const answer = (await complete(toRunId(2), 'open', true)).text();
    await pass(25);
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    await readCompletion(await complete(toRunId(3), 'young'));
    await orchestrator.deps.keeper.keep();
    expect(await database.query('SELECT key FROM idempotency_keys ORDER BY key')).toEqual([{ key: 'open' }, { key: 'young' }]);
    // The request is a new one again.
    expect((await complete(toRunId(4), 'old')).headers.get(HEADERS.idempotentReplayed)).toBeNull();
    tables.completions.find(({ headers }) => headers[HEADERS.runId] === toRunId(2))?.finish();
    await answer;
  });

  it('is a conversation in which nothing was said for as long as a run is kept, unless something is being said', async () => {
    const orchestrator = await start();
    const complete = (number: number, session: string, stream = false) =>
      orchestrator.complete(ask('hi', { stream }), {
        headers: { [HEADERS.runId]: toRunId(number), [HEADERS.sessionId]: session, [HEADERS.memory]: 'session' },
      });
    await readCompletion(await complete(1, 'silent'));
    await readCompletion(await complete(2, 'silent'));
    tables.onCompletion((exchange) => exchange.sendText('begun '));
    const answer = (await complete(3, 'busy', true)).text();
    await pass(97);
    tables.onCompletion((exchange) => exchange.answer({ text: 'ok' }));
    await readCompletion(await complete(4, 'young'));
    await orchestrator.deps.keeper.keep();
    expect(await database.query('SELECT session_id FROM sessions ORDER BY session_id')).toEqual([
      { session_id: 'busy' },
      { session_id: 'young' },
    ]);
    expect(await database.query('SELECT session_id FROM session_turns')).toEqual([{ session_id: 'young' }]);
    tables.completions.find(({ headers }) => headers[HEADERS.runId] === toRunId(3))?.finish();
    await answer;
  });

  it('is a process that was silent for a day', async () => {
    const orchestrator = await start();
    await database.query(`INSERT INTO workers (worker_id, role, slots, seen_at) VALUES
      ('silent', 'worker', '{}', now() - interval '25 hours'), ('quiet', 'worker', '{}', now() - interval '23 hours')`);
    await orchestrator.deps.keeper.keep();
    expect(await database.query("SELECT worker_id FROM workers WHERE role = 'worker'")).toEqual([{ worker_id: 'quiet' }]);
  });

  it('is asked for again after the database was away, and costs nobody anything', async () => {
    const orchestrator = await start();
    await database.query('ALTER TABLE run_events RENAME TO away');
    await orchestrator.deps.keeper.keep();
    expect(orchestrator.linesOf('prune.failed').map((line) => line.extra?.['kind'])).toEqual(['events', 'runs']);
    await database.query('ALTER TABLE away RENAME TO run_events');
    await insertEnded(1, 1, 49);
    await orchestrator.deps.keeper.keep();
    expect(await countRows()).toMatchObject({ events: 0 });
  });
});
