import { HEADERS } from '@rubot/contracts/headers';
import { RunList, type RunResource } from '@rubot/contracts/runs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { connect, failureOf, SDKS } from '../clients/_client.ts';
import { expectRefusal } from '../clients/_refusal.ts';
import { beginRun, callRuns, pollRunEvents, readRun, readRunEvents, textOf, untilQueued, untilStatus, upTo } from './_runs.ts';

const QUEUE_DEPTH = 3;
/** One slot and a short line, so that both are soon full; a short lease, so that a dead process is soon found out. */
const ORCHESTRATOR = {
  WORKER_SLOTS: '1',
  TENANT_QUEUE_DEPTH: String(QUEUE_DEPTH),
  RUN_LEASE_MS: '1000',
  RUN_HEARTBEAT_MS: '300',
  SWEEP_INTERVAL_MS: '100',
};

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: ORCHESTRATOR } });
});
afterAll(() => stack.stop());

const QUESTION = { messages: [{ role: 'user', content: 'Write me a report.' }] };
const ACCEPTED = { object: 'run', status: 'queued', model: 'rubot', priority: 'normal', attempt: 0, finished_at: null };

/** Lets a run take the one slot, and keeps it there. */
async function occupySlot() {
  stack.model.script(() => {});
  const asked = stack.model.nextRequest();
  const { runId } = await beginRun(stack, QUESTION);
  return { runId, exchange: await asked };
}

describe.each(SDKS)('a run that $name begins by its generic post', (sdk) => {
  it('is accepted, and is read to its end as any stream of chunks', async () => {
    stack.model.script({ text: ['a ', 'long ', 'report'] });
    const { client } = connect(sdk, stack);
    const { data: run, response } = await client.post<RunResource>('/runs', { body: QUESTION }).withResponse();
    expect([response.status, response.headers.get('location')]).toEqual([202, `/v1/runs/${run.id}`]);
    expect(response.headers.get(HEADERS.runId)).toBe(run.id);
    expect(run).toMatchObject(ACCEPTED);
    // The SDK asks for JSON of its own accord, and would be given a page.
    const headers = { accept: 'text/event-stream' };
    const stream = await client.get<AsyncIterable<Record<string, unknown>>>(`/runs/${run.id}/events`, { stream: true, headers });
    const heard: Record<string, unknown>[] = [];
    for await (const event of stream) heard.push(event);
    expect(heard[0]).toMatchObject({ run_id: run.id });
    expect(heard.at(-1)).toMatchObject({ status: 'completed', error: null, usage: { total_tokens: 18 } });
    expect(await client.get<RunResource>(`/runs/${run.id}`)).toMatchObject({ id: run.id, status: 'completed' });
  });

  it('throws, where it failed, what it failed of', async () => {
    stack.model.script({ status: 400, body: '{"error":{"message":"no","code":"content_filter"}}' });
    const { client } = connect(sdk, stack);
    const { id } = await client.post<RunResource>('/runs', { body: QUESTION });
    const headers = { accept: 'text/event-stream' };
    const events = await client.get<AsyncIterable<unknown>>(`/runs/${id}/events`, { stream: true, headers });
    const failure = await failureOf(Array.fromAsync(events));
    expect(failure).toBeInstanceOf(sdk.OpenAI.APIError);
    expect(failure).toMatchObject({ code: (await readRun(stack, id)).error?.code });
  });
});

describe('a run that any HTTP client begins', () => {
  it('has the same events by stream and by pages, numbered from 1', async () => {
    stack.model.script({ text: ['a ', 'long ', 'report'] });
    const response = await callRuns(stack, '', { body: { ...QUESTION, stream: true } });
    const run = (await response.json()) as RunResource;
    expect([response.status, response.headers.get('location'), run]).toMatchObject([202, `/v1/runs/${run.id}`, ACCEPTED]);
    const streamed = await readRunEvents(stack, run.id);
    expect(streamed.map(({ seq }) => seq)).toEqual(upTo(streamed.length));
    expect(streamed.map(({ type }) => type).filter((type) => type !== 'chunk')).toEqual(['start', 'step', 'end']);
    expect(textOf(streamed)).toBe('a long report');
    expect(await pollRunEvents(stack, run.id)).toEqual(streamed);
    // Page by page, and from within.
    expect(await pollRunEvents(stack, run.id, '&limit=1')).toEqual(streamed);
    expect(await readRunEvents(stack, run.id, { lastEventId: 2 })).toEqual(streamed.slice(2));
  });

  it('is told to who waits for a page as soon as it happens', async () => {
    const { runId, exchange } = await occupySlot();
    const pages = pollRunEvents(stack, runId);
    exchange.sendText('at last');
    exchange.finish();
    expect(textOf(await pages)).toBe('at last');
  });

  it('is counted in the figures of the process that worked on it', async () => {
    const { runId } = await beginRun(stack, QUESTION);
    await untilStatus(stack, runId, 'completed');
    const headers = { authorization: `Bearer ${stack.keys.METRICS_API_KEY}` };
    const figures = await fetch(`${stack.urls.orchestrator}/metrics`, { headers });
    expect([figures.status, await figures.text()]).toEqual([200, expect.stringMatching(/^rubot_\w+(?:\{.*\})? [1-9]/m)]);
    expect((await fetch(`${stack.urls.orchestrator}/metrics`)).status).toBe(401);
  });

  it('comes to its end though its process dies behind the 202', { timeout: 60_000 }, async () => {
    const { runId } = await beginRun(stack, QUESTION);
    await stack.killService('orchestrator');
    await stack.startService('orchestrator');
    expect(textOf(await readRunEvents(stack, runId))).toBe('ok');
  });

  it('is ended by cancel, and gives its slot back', async () => {
    const { runId, exchange } = await occupySlot();
    const cancelled = await callRuns(stack, `/${runId}/cancel`, { method: 'POST' });
    expect([cancelled.status, await cancelled.json()]).toMatchObject([200, { id: runId, status: 'cancelled' }]);
    await exchange.aborted;
    expect((await readRunEvents(stack, runId)).at(-1)).toMatchObject({ type: 'end', data: { status: 'cancelled' } });
    await expectRefusal(await callRuns(stack, `/${runId}/cancel`, { method: 'POST' }), { status: 409, code: 'conflict' });
    stack.model.script({ text: 'next' });
    const next = await beginRun(stack, QUESTION);
    expect(textOf(await readRunEvents(stack, next.runId))).toBe('next');
  });

  it('of a higher priority is begun first where all wait', async () => {
    const { exchange } = await occupySlot();
    const asked = stack.model.requests.length;
    const waiting = new Map<string, string>();
    for (const priority of ['low', 'normal', 'high']) {
      const { runId, traceId } = await beginRun(stack, QUESTION, { headers: { [HEADERS.priority]: priority } });
      expect(await readRun(stack, runId)).toMatchObject({ status: 'queued', priority });
      waiting.set(traceId, priority);
    }
    exchange.finish();
    await untilQueued(stack, 0);
    await expect.poll(() => stack.model.requests.length).toBe(asked + waiting.size);
    const order = stack.model.requests.slice(asked).map(({ headers }) => waiting.get(String(headers['traceparent']).split('-')[1] ?? ''));
    expect(order).toEqual(['high', 'normal', 'low']);
  });
});

describe('a run is refused', () => {
  it.each<[string, unknown, Record<string, string>, string]>([
    ['without messages', {}, {}, 'messages'],
    ['of an empty conversation', { messages: [] }, {}, 'messages'],
    ['with a temperature out of range', { ...QUESTION, temperature: 9 }, {}, 'temperature'],
    ['with a priority that is none', QUESTION, { [HEADERS.priority]: 'urgent' }, HEADERS.priority],
    ['with a memory that is none', QUESTION, { [HEADERS.memory]: 'all' }, HEADERS.memory],
    ['with a session strategy that is none', QUESTION, { [HEADERS.sessionStrategy]: 'queue' }, HEADERS.sessionStrategy],
    ['with a wish for its leaving that is none', QUESTION, { [HEADERS.onDisconnect]: 'stay' }, HEADERS.onDisconnect],
    ['with a key with blanks', QUESTION, { [HEADERS.idempotencyKey]: 'my key' }, HEADERS.idempotencyKey],
    ['with a key of 256 characters', QUESTION, { [HEADERS.idempotencyKey]: 'k'.repeat(256) }, HEADERS.idempotencyKey],
  ])('%s', async (_, body, headers, param) => {
    const asked = stack.model.requests.length;
    await expectRefusal(await callRuns(stack, '', { body, headers }), { status: 400, code: 'invalid_request', param });
    expect(stack.model.requests).toHaveLength(asked);
  });

  it('for a model that is not there', async () => {
    await expectRefusal(await callRuns(stack, '', { body: { ...QUESTION, model: 'rubot/nobody' } }), {
      status: 404,
      code: 'model_not_found',
    });
  });

  it('of a sender who is linked to no tenant', async () => {
    const speaker = { senderId: '+15550998', sessionId: 'of-nobody' };
    const message = await expectRefusal(await callRuns(stack, '', { body: QUESTION, speaker }), { status: 403, code: 'forbidden' });
    expect(message).toContain('https://app.example.com/link?sender=%2B15550998');
  });

  it('where too many of the tenant wait, before anything is written, and not when there is room again', async () => {
    const { exchange } = await occupySlot();
    const waiting = await Promise.all(Array.from({ length: QUEUE_DEPTH }, () => beginRun(stack, QUESTION)));
    const before = await listIds();
    for (const refused of [await callRuns(stack, '', { body: QUESTION }), await postCompletion(stack, QUESTION)]) {
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '5']);
      expect(refused.headers.get(HEADERS.shouldRetry)).toBe('true');
      expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited', message: expect.stringContaining('wait') } });
    }
    expect(await listIds()).toEqual(before);
    exchange.finish();
    for (const { runId } of waiting) await untilStatus(stack, runId, 'completed');
    await untilQueued(stack, 0);
    const { runId } = await beginRun(stack, QUESTION);
    await untilStatus(stack, runId, 'completed');
  });

  async function listIds(): Promise<readonly string[]> {
    const { data } = RunList.parse(await (await callRuns(stack, '?limit=100')).json());
    return data.map(({ id }) => id);
  }
});
