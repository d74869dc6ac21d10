import { ChatCompletionChunk } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent, toStepFrame } from '@rubot/testkit/fake-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, type Orchestrator, RUN_ID, readCompletion, readError, readStream, startOrchestrator } from './_harness.ts';
import { askRuns, type ReadEvent, readEvents, readPage, readRun, readRuns, streamEvents, textOf } from './_runs.ts';

let tables: FakeAgent;
beforeEach(async () => {
  tables = await startFakeAgent({ id: 'tables' });
});
afterEach(() => tables.close());

const OTHER_RUN = `run_${'0b'.repeat(16)}`;
const seqsOf = (events: readonly ReadEvent[]) => events.map(({ seq }) => seq);
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

async function completeAs(orchestrator: Orchestrator, runId: string, headers: Record<string, string> = {}): Promise<void> {
  await readCompletion(await orchestrator.complete(ask('hi'), { headers: { [HEADERS.runId]: runId, ...headers } }));
}

describe('a completion', () => {
  it.each([false, true])('is a run that can be read when it is over (stream: %s)', async (stream) => {
    tables.onCompletion((exchange) => {
      exchange.sendText('one ');
      exchange.sendRaw(
        toStepFrame({
          index: 0,
          messages: [{ role: 'assistant', content: 'x' }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        }),
      );
      exchange.sendText('two');
      exchange.finish();
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hi', { stream }));
    await response.text();
    expect(response.headers.get(HEADERS.runId)).toBe(RUN_ID);
    const run = await readRun(orchestrator, RUN_ID);
    expect(run).toMatchObject({
      status: 'completed',
      model: 'rubot',
      attempt: 1,
      error: null,
      slices: [{ slice_id: 's1', status: 'completed' }],
    });
    const events = await readEvents(orchestrator, RUN_ID);
    expect(events.map(({ type }) => type)).toEqual(['start', 'chunk', 'step', 'chunk', 'chunk', 'end']);
    expect(seqsOf(events)).toEqual(upTo(run.last_seq));
    expect(textOf(events)).toBe('one two');
    expect(events.at(-1)?.data).toMatchObject({ status: 'completed', usage: run.usage, error: null });
    const chunks = events.filter(({ type }) => type === 'chunk').map(({ data }) => ChatCompletionChunk.parse(data));
    expect(new Set(chunks.map(({ id }) => id))).toEqual(new Set([RUN_ID.replace('run_', 'chatcmpl-')]));
    expect(chunks.at(-1)).toMatchObject({ choices: [{ finish_reason: 'stop' }], rubot: { run_id: RUN_ID, status: 'completed' } });
  });

  it('that fails is a run that says why', async () => {
    tables.onCompletion((exchange) => exchange.cut('reset'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const { code, message } = await readError(await orchestrator.complete(ask('hi')));
    expect(await readRun(orchestrator, RUN_ID)).toMatchObject({ status: 'failed', error: { code, message } });
    expect((await readEvents(orchestrator, RUN_ID)).at(-1)).toMatchObject({ type: 'end', data: { status: 'failed', error: { code } } });
  });

  it('of many tokens is few events, while its reader gets each token by itself', async () => {
    tables.onCompletion((exchange) => {
      for (let index = 0; index < 300; index += 1) exchange.sendText(`${index} `);
      exchange.finish();
    });
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const { chunks, text } = await readStream(await orchestrator.complete(ask('hi', { stream: true })));
    expect(chunks.length).toBeGreaterThanOrEqual(300);
    const events = await readEvents(orchestrator, RUN_ID);
    expect(textOf(events)).toBe(text);
    expect(events.length).toBeLessThan(60);
  });
});

describe('runs', () => {
  it('are listed in pages, newest first, and by status', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const ids = upTo(5).map((number) => `run_${String(number).padStart(32, '0')}`);
    for (const id of ids) await completeAs(orchestrator, id);
    const first = await readRuns(orchestrator, '?limit=2');
    const second = await readRuns(orchestrator, `?limit=2&cursor=${first.next_cursor}`);
    const third = await readRuns(orchestrator, `?limit=2&cursor=${second.next_cursor}`);
    expect([first, second, third].flatMap(({ data }) => data.map(({ id }) => id))).toEqual(ids.toReversed());
    expect(third.next_cursor).toBeUndefined();
    expect((await readRuns(orchestrator, '?status=completed')).data).toHaveLength(5);
    expect((await readRuns(orchestrator, '?status=failed')).data).toHaveLength(0);
  });

  it.each([
    ['another tenant', { tenantId: 'other' }],
    ['another sender', { senderId: '+15550199' }],
  ])('are not there for %s', async (_, asker) => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await completeAs(orchestrator, RUN_ID);
    for (const [path, method] of [
      ['', 'GET'],
      ['/events', 'GET'],
      ['/cancel', 'POST'],
    ] as const) {
      expect(await readError(await askRuns(orchestrator, `/${RUN_ID}${path}`, { ...asker, method }))).toMatchObject({
        status: 404,
        code: 'not_found',
      });
    }
    expect(await (await askRuns(orchestrator, '', asker)).json()).toEqual({ object: 'list', data: [] });
    expect((await readRun(orchestrator, RUN_ID)).status).toBe('completed');
  });

  it.each([
    ['an unknown run', `/${OTHER_RUN}`, 404, 'not_found', null],
    ['no run id', '/..x', 404, 'not_found', null],
    ['events of an unknown run', `/${OTHER_RUN}/events`, 404, 'not_found', null],
    ['a bad cursor', '?cursor=5', 400, 'invalid_request', 'cursor'],
    ['a page of none', '?limit=0', 400, 'invalid_request', 'limit'],
    ['a status that is none', '?status=lost', 400, 'invalid_request', 'status'],
    ['a number of the future', `/${RUN_ID}/events?after_seq=999`, 400, 'invalid_request', 'after_seq'],
    ['a number that is none', `/${RUN_ID}/events?after_seq=-1`, 400, 'invalid_request', 'after_seq'],
  ])('refuse %s', async (_, path, status, code, param) => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await completeAs(orchestrator, RUN_ID);
    expect(await readError(await askRuns(orchestrator, path))).toMatchObject({ status, code, param });
  });

  it('refuse a Last-Event-ID that is no number, and whoever has no key', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await completeAs(orchestrator, RUN_ID);
    const headers = { 'last-event-id': 'x' };
    expect((await askRuns(orchestrator, `/${RUN_ID}/events`, { headers })).status).toBe(400);
    expect((await askRuns(orchestrator, `/${RUN_ID}`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });
});

describe('events', () => {
  const STEPS = 100;

  /** Steps are written one by one, so that the run has hundreds of events. */
  async function playLongRun(): Promise<void> {
    tables.onCompletion(async (exchange) => {
      for (let index = 0; index < STEPS; index += 1) {
        exchange.sendText(`${index},`);
        exchange.sendRaw(
          toStepFrame({
            index,
            messages: [
              {
                role: 'assistant',
                content: null,
                tool_calls: [{ id: `c${index}`, type: 'function', function: { name: 'f', arguments: '{}' } }],
              },
              { role: 'tool', tool_call_id: `c${index}`, content: 'r' },
            ],
            usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
          }),
        );
        if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      exchange.finish();
    });
  }

  it('can be read on from every number by three readers while they are written: none lost, none twice, in order', async () => {
    await playLongRun();
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const answer = orchestrator.complete(ask('hi', { stream: true })).then((response) => response.text());
    await vi.waitFor(async () => expect((await askRuns(orchestrator, `/${RUN_ID}`)).status).toBe(200));

    /** Reads one event at a time, each over a connection of its own. */
    async function readByOnes(): Promise<ReadEvent[]> {
      const read: ReadEvent[] = [];
      while (read.at(-1)?.type !== 'end') {
        const leave = new AbortController();
        const headers = { 'last-event-id': String(read.length) };
        const events = streamEvents(await askRuns(orchestrator, `/${RUN_ID}/events`, { headers, signal: leave.signal }));
        const { value } = await events.next();
        if (value === undefined) throw new Error('the stream ended without a word');
        read.push(value);
        leave.abort();
      }
      return read;
    }
    const reads = await Promise.all([readByOnes(), readByOnes(), readByOnes()]);
    await answer;
    const { last_seq } = await readRun(orchestrator, RUN_ID);
    expect(last_seq).toBeGreaterThanOrEqual(2 * STEPS);
    for (const read of reads) {
      expect(seqsOf(read)).toEqual(upTo(last_seq));
      expect(textOf(read)).toBe(
        upTo(STEPS)
          .map((number) => `${number - 1},`)
          .join(''),
      );
    }
  }, 60_000);

  it('are followed live to an explicit end, with heartbeats that move no number', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HEARTBEAT_MS: '20' } });
    const answer = orchestrator.complete(ask('hi', { stream: true })).then((response) => response.text());
    const exchange = await tables.nextCompletion();
    const response = await askRuns(orchestrator, `/${RUN_ID}/events`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('begun') || !text.includes(': ping')) text += (await reader.read()).value ?? '';
    exchange.finish();
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
    expect(text.match(/: ping\n\n/g)?.length).toBeGreaterThan(0);
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual([1, 2, 3, 4]);
    expect(text).toMatch(/id: 4\nevent: end\ndata: \{.*\}\n\n(?:: ping\n\n)*$/);
    await answer;
  });

  it('end explicitly for a reader that has them all', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await completeAs(orchestrator, RUN_ID);
    const { last_seq } = await readRun(orchestrator, RUN_ID);
    const events = await readEvents(orchestrator, RUN_ID, { query: `?after_seq=${last_seq}` });
    expect(events).toMatchObject([{ seq: undefined, type: 'end', data: { status: 'completed' } }]);
  });

  it('can be read in pages by who waits for them', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const answer = orchestrator.complete(ask('hi', { stream: true })).then((response) => response.text());
    const exchange = await tables.nextCompletion();
    const words = await vi.waitFor(async () => {
      const page = await readPage(orchestrator, RUN_ID, '?after_seq=1');
      expect(page.data.length).toBe(1);
      return page;
    });
    expect(words).toMatchObject({
      data: [{ seq: 2, type: 'chunk', data: { object: 'chat.completion.chunk' } }],
      last_seq: 2,
      ended: false,
    });
    expect(await readPage(orchestrator, RUN_ID, '?after_seq=2&wait_ms=30')).toEqual({
      object: 'list',
      data: [],
      last_seq: 2,
      ended: false,
    });
    const waiting = readPage(orchestrator, RUN_ID, '?after_seq=2&wait_ms=10000');
    exchange.finish();
    expect(await waiting).toMatchObject({ data: [{ seq: 3 }, { seq: 4, type: 'end' }], last_seq: 4, ended: true });
    expect(await readPage(orchestrator, RUN_ID, '?after_seq=4')).toMatchObject({ data: [], ended: true });
    await answer;
  });

  it('are seen by another replica', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const first = await startOrchestrator({ agents: [tables] });
    const second = await startOrchestrator({ agents: [tables], database: first.database, env: { EVENTS_POLL_MS: '20' } });
    const answer = first.complete(ask('hi', { stream: true })).then((response) => response.text());
    const exchange = await tables.nextCompletion();
    const read = readEvents(second, RUN_ID);
    exchange.finish();
    expect(textOf(await read)).toBe('begun');
    await answer;
  });
});

describe('a client that leaves', () => {
  it.each([
    ['in the middle of the words', (exchange: { sendText(text: string): void }) => exchange.sendText('begun ')],
    ['before the first word', (exchange: { begin(): void }) => exchange.begin()],
  ])('lets the run go on when it has asked for it: %s', async (_, open) => {
    tables.onCompletion(open);
    const orchestrator = await startOrchestrator({ agents: [tables], env: { HOLD_STATUS_MS: '10' } });
    const client = new AbortController();
    const headers = { [HEADERS.onDisconnect]: 'continue' };
    const response = await orchestrator.complete(ask('hi', { stream: true }), { headers, signal: client.signal });
    const exchange = await tables.nextCompletion();
    client.abort();
    await expect(response.text()).rejects.toThrow();
    const read = readEvents(orchestrator, RUN_ID);
    await orchestrator.nextLine('request.completed');
    exchange.sendText('and done');
    exchange.finish();
    const events = await read;
    expect(textOf(events)).toMatch(/and done$/);
    expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
  });

  it('lets a whole answer be read later, too', async () => {
    tables.onCompletion((exchange) => exchange.begin());
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const client = new AbortController();
    const left = expect(
      orchestrator.complete(ask('hi'), { headers: { [HEADERS.onDisconnect]: 'continue' }, signal: client.signal }),
    ).rejects.toThrow();
    const exchange = await tables.nextCompletion();
    client.abort();
    await left;
    exchange.sendText('later');
    exchange.finish();
    expect(textOf(await readEvents(orchestrator, RUN_ID))).toBe('later');
  });

  it('is asked again for a wish that is none', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hi'), { headers: { [HEADERS.onDisconnect]: 'maybe' } });
    expect(await readError(response)).toMatchObject({ status: 400, param: HEADERS.onDisconnect });
    expect(tables.completions).toHaveLength(0);
  });
});

describe('cancelling', () => {
  it('ends the run and the agent’s work, tells its reader, and is refused the second time', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await orchestrator.complete(ask('hi', { stream: true }));
    const exchange = await tables.nextCompletion();
    const events = readEvents(orchestrator, RUN_ID);
    const cancelled = await askRuns(orchestrator, `/${RUN_ID}/cancel`, { method: 'POST' });
    expect([cancelled.status, await cancelled.json()]).toMatchObject([200, { id: RUN_ID, status: 'cancelled' }]);
    await exchange.aborted;
    expect((await readStream(response)).error).toMatchObject({ code: 'cancelled' });
    expect((await events).at(-1)).toMatchObject({ type: 'end', data: { status: 'cancelled' } });
    expect(await readError(await askRuns(orchestrator, `/${RUN_ID}/cancel`, { method: 'POST' }))).toMatchObject({
      status: 409,
      message: expect.stringContaining('cancelled'),
    });
    expect((await orchestrator.findRun(RUN_ID))?.outcome?.status).toBe('cancelled');
  });

  it('reaches the process that has the run, whichever was asked', async () => {
    tables.onCompletion((exchange) => exchange.sendText('begun'));
    const first = await startOrchestrator({ agents: [tables], env: { RUN_HEARTBEAT_MS: '100' } });
    const second = await startOrchestrator({ agents: [tables], database: first.database });
    const response = await first.complete(ask('hi', { stream: true }));
    const exchange = await tables.nextCompletion();
    expect((await askRuns(second, `/${RUN_ID}/cancel`, { method: 'POST' })).status).toBe(200);
    await exchange.aborted;
    expect((await readStream(response)).error).toMatchObject({ code: 'conflict' });
  });
});
