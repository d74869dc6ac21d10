import { HEADERS } from '@rubot/contracts/headers';
import { newRunId } from '@rubot/http/run-id';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { toChunkFrame } from '@rubot/testkit/model-frames';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import {
  ask,
  contentOf,
  type Orchestrator,
  parseStream,
  RUN_ID,
  readCompletion,
  readError,
  readStream,
  startOrchestrator,
} from './_harness.ts';
import { readEvents, readRun, textOf } from './_runs.ts';
import { createHearing, headersOf, untilStatus } from './_sending.ts';

let tables: FakeAgent;
let database: DatabaseOfTest;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
  database = await openTestDatabase();
});
afterEach(() => tables.close());

function start(env: Record<string, string>): Promise<Orchestrator> {
  return startOrchestrator({ agents: [tables], database, env });
}

const startApi = (env: Record<string, string> = {}) => start({ RUBOT_ROLE: 'api', ...env });
/** It keeps what it has taken, whatever happens to the lease. */
const startWorker = () => start({ RUBOT_ROLE: 'worker', SWEEP_INTERVAL_MS: '60000' });

/** An answer that has begun, and has said nothing. */
const OPENING = toChunkFrame({ role: 'assistant', content: '' });
const HEADERS_OF_RUN = headersOf({ runId: RUN_ID });

function chunkCount(): Promise<number> {
  return database.query("SELECT 1 FROM run_events WHERE type = 'chunk'").then((rows) => rows.length);
}

/** The worker goes on, but has lost its run to another one. */
async function takeAway(worker: Orchestrator): Promise<void> {
  await database.query("UPDATE runs SET lease_until = now() - interval '1 second'");
  await worker.deps.sweeper.sweep();
}

describe('an answer that is told from events, of a run that is begun again', () => {
  it('ends with the news when its reader has had words; the run goes on, and can be read', async () => {
    tables.onCompletion((exchange) => exchange.sendText('half a sen'));
    const api = await startApi();
    const worker = await startWorker();
    const response = await api.complete(ask('hi', { stream: true }), { headers: HEADERS_OF_RUN });
    const hearing = createHearing(response);
    await hearing.until('half a sen');
    await tables.nextCompletion();
    tables.onCompletion((exchange) => exchange.begin());
    await takeAway(worker);
    const again = await tables.nextCompletion();
    const { text, isDone, error } = parseStream(await hearing.toEnd());
    expect([text, isDone, error]).toEqual([
      'half a sen',
      false,
      expect.objectContaining({ code: 'stream_interrupted', message: expect.stringContaining(`/v1/runs/${RUN_ID}/events`) }),
    ]);
    again.sendText('the whole');
    again.finish();
    expect(textOf(await readEvents(api, RUN_ID))).toBe('the whole');
    expect((await readRun(api, RUN_ID)).status).toBe('completed');
  });

  it('is whole when its reader has had none: an opened answer is no word', async () => {
    tables.onCompletion((exchange) => exchange.sendRaw(OPENING));
    const api = await startApi();
    const worker = await startWorker();
    const answer = api.complete(ask('hi', { stream: true }), { headers: HEADERS_OF_RUN }).then(readStream);
    await tables.nextCompletion();
    await vi.waitFor(async () => expect(await chunkCount()).toBe(1), { timeout: 10_000 });
    tables.onCompletion((exchange) => exchange.answer({ text: 'the whole' }));
    await takeAway(worker);
    expect(await answer).toMatchObject({ text: 'the whole', isDone: true, error: undefined });
  });

  it('is that of the last beginning where nothing is shown before the end', async () => {
    tables.onCompletion((exchange) => exchange.sendText('half a sen'));
    const api = await startApi();
    const worker = await startWorker();
    const answer = api.complete(ask('hi'), { headers: HEADERS_OF_RUN }).then(readCompletion);
    for (let round = 1; round <= 2; round += 1) {
      await vi.waitFor(() => expect(tables.completions).toHaveLength(round));
      await vi.waitFor(async () => expect(await chunkCount()).toBe(round));
      await takeAway(worker);
    }
    await vi.waitFor(() => expect(tables.completions).toHaveLength(3));
    tables.completions[2]?.sendText('tence');
    tables.completions[2]?.finish();
    expect(contentOf(await answer)).toBe('half a sentence');
  });
});

describe('an answer that is told from events', () => {
  it('is told whole, however long it is', async () => {
    const STEPS = 150;
    tables.onCompletion((exchange) => {
      for (let index = 0; index < STEPS; index += 1) {
        exchange.sendText(`${index},`);
        const calls = [{ id: `c${index}`, type: 'function' as const, function: { name: 'f', arguments: '{}' } }];
        const messages = [
          { role: 'assistant' as const, content: null, tool_calls: calls },
          { role: 'tool' as const, tool_call_id: `c${index}`, content: 'r' },
        ];
        exchange.sendRaw(toStepFrame({ index, messages, usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }));
      }
      exchange.finish();
    });
    const api = await startApi();
    await startWorker();
    const key = { key: 'k' };
    const expected = Array.from({ length: STEPS }, (_, index) => `${index},`).join('');
    const first = await readStream(await api.complete(ask('hi', { stream: true }), { headers: headersOf(key) }));
    expect(first).toMatchObject({ text: expected, isDone: true });
    const again = await readStream(await api.complete(ask('hi', { stream: true }), { headers: headersOf(key) }));
    expect(again).toMatchObject({ text: expected, isDone: true });
  });

  it('breaks off where the run does', async () => {
    tables.onCompletion((exchange) => {
      exchange.sendText('half a sen');
      exchange.cut('reset');
    });
    const api = await startApi();
    await startWorker();
    const read = await readStream(await api.complete(ask('hi', { stream: true }), { headers: HEADERS_OF_RUN }));
    expect(read).toMatchObject({ text: 'half a sen', isDone: false, error: { code: 'stream_interrupted' } });
    expect((await readRun(api, RUN_ID)).error).toMatchObject({ code: 'stream_interrupted', message: read.error?.message });
  });

  it('ends with the time of its reader; the worker, who has the same, says what came of the run', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const api = await startApi();
    await startWorker();
    const runId = newRunId();
    const late = await api.complete(ask('hi'), { headers: headersOf({ runId, headers: { [HEADERS.timeoutMs]: '1500' } }) });
    expect(await readError(late)).toMatchObject({ status: 504, code: 'deadline_exceeded' });
    await untilStatus(database, 'failed');
    expect(await readRun(api, runId)).toMatchObject({ attempt: 1, error: { code: 'deadline_exceeded' } });
  });

  it('says so when its words are not kept any more', async () => {
    const api = await startApi();
    await startWorker();
    const headers = headersOf({ key: 'k' });
    await readCompletion(await api.complete(ask('hi'), { headers }));
    await database.query('DELETE FROM run_events');
    const pruned = await api.complete(ask('hi'), { headers });
    expect(await readError(pruned)).toMatchObject({ status: 404, code: 'not_found', message: expect.stringContaining('/v1/runs/run_') });
    await database.query('DELETE FROM runs');
    expect(await readError(await api.complete(ask('hi'), { headers }))).toMatchObject({ status: 404, code: 'not_found' });
    expect(tables.completions).toHaveLength(1);
  });
});
