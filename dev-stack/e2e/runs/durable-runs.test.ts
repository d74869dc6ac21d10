import { randomInt } from 'node:crypto';
import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { callRuns, type RunEventRead, readRunEvents, textOf } from './_runs.ts';

/** Short, so that a dead process is found out within the time of a test. */
const ORCHESTRATOR = { RUN_LEASE_MS: '1000', RUN_HEARTBEAT_MS: '300', SWEEP_INTERVAL_MS: '100', EVENTS_POLL_MS: '50' };
const KILLS = 3;
const WORDS = 60;

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: ORCHESTRATOR } });
});
afterAll(() => stack.stop());

const QUESTION = { model: 'rubot/conversational', stream: true, messages: [{ role: 'user', content: 'say something long' }] };

async function readFrames(response: Response, count: number): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('\n\n').length <= count) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended after: ${text}`);
    text += value;
  }
}

describe('an orchestrator that is killed in the middle of an answer', () => {
  it('costs nothing: the answer is read on, with one number, to its end', async () => {
    const seed = randomInt(2 ** 31);
    console.log(`kill test: seed ${seed}`);
    let completed = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const words = Array.from({ length: WORDS }, (_, index) => `w${kill}.${index} `);
      const begun = stack.model.nextRequest();
      stack.model.script(() => {});
      const response = await startCompletion(begun, words.slice(0, 10 + ((seed >> kill) % 20)));
      const runId = response.headers.get(HEADERS.runId) ?? '';

      // The client has read some events of the run when its orchestrator dies.
      const before = await readUntil(runId, 2);
      const again = stack.model.nextRequest();
      stack.model.script((exchange) => {
        for (const word of words) exchange.sendText(word);
        exchange.finish();
      });
      await stack.killService('orchestrator');
      expect((await callRuns(stack, `/${runId}`)).status).toBe(503);
      await stack.startService('orchestrator');
      await again;

      const after = await readRunEvents(stack, runId, { lastEventId: before.at(-1)?.seq ?? 0 });
      const events = [...before, ...after];
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect(textOf(events)).toBe(words.join(''));
      expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: 'completed' } });
      expect(await (await callRuns(stack, `/${runId}`)).json()).toMatchObject({ id: runId, status: 'completed', attempt: 2 });
      await response.body?.cancel().catch(() => {});
      completed += 1;
    }
    expect(completed).toBe(KILLS);
  }, 120_000);

  async function startCompletion(begun: ReturnType<ModelStack['model']['nextRequest']>, words: readonly string[]): Promise<Response> {
    const answer = postCompletion(stack, QUESTION);
    const exchange = await begun;
    for (const word of words) exchange.sendText(word);
    return answer;
  }

  async function readUntil(runId: string, count: number): Promise<readonly RunEventRead[]> {
    return readRunEvents(stack, runId, { lastEventId: 0, count });
  }
});

describe('a client that leaves', () => {
  it('stops its run, unless it asked that the run go on', async () => {
    for (const wish of ['cancel', 'continue'] as const) {
      const begun = stack.model.nextRequest();
      stack.model.script(() => {});
      const client = new AbortController();
      const answer = postCompletion(stack, QUESTION, { headers: { [HEADERS.onDisconnect]: wish }, signal: client.signal });
      const exchange = await begun;
      exchange.sendText('begun ');
      const response = await answer;
      await readFrames(response.clone(), 1);
      const runId = response.headers.get(HEADERS.runId) ?? '';
      client.abort();
      if (wish === 'cancel') await exchange.aborted;
      else {
        exchange.sendText('and done');
        exchange.finish();
      }
      const events = await readRunEvents(stack, runId, { lastEventId: 0 });
      expect(events.at(-1)).toMatchObject({ type: 'end', data: { status: wish === 'cancel' ? 'cancelled' : 'completed' } });
      expect(textOf(events)).toBe(wish === 'cancel' ? 'begun ' : 'begun and done');
    }
  });
});

describe('runs at the gateway', () => {
  it('are seen by their sender, and by nobody else', async () => {
    stack.model.script({ text: 'mine' });
    const response = await postCompletion(stack, { ...QUESTION, stream: false });
    const runId = response.headers.get(HEADERS.runId) ?? '';
    expect(await (await callRuns(stack, '?limit=1')).json()).toMatchObject({ object: 'list', data: [{ id: runId, status: 'completed' }] });
    const page = await callRuns(stack, `/${runId}/events?limit=2`, { headers: { accept: 'application/json' } });
    expect(await page.json()).toMatchObject({ object: 'list', data: [{ seq: 1 }, { seq: 2 }], last_seq: 2, ended: false });
    expect((await callRuns(stack, `/${runId}/events?after_seq=900`)).status).toBe(400);
    expect((await callRuns(stack, '?cursor=nonsense')).status).toBe(400);
    expect((await callRuns(stack, `/${runId}/cancel`, { method: 'POST' })).status).toBe(409);
    expect((await callRuns(stack, `/run_${'0'.repeat(32)}`)).status).toBe(404);
    expect(
      (await callRuns(stack, `/${runId}`, { headers: { [HEADERS.senderId]: '+15550999', [HEADERS.sessionId]: 'another' } })).status,
    ).toBe(403);
    const forged = { [HEADERS.tenantId]: 'other', authorization: 'Bearer wrong' };
    expect((await callRuns(stack, `/${runId}`, { headers: forged })).status).toBe(401);
    expect((await callRuns(stack, `/${runId}`, { headers: { [HEADERS.tenantId]: 'other' } })).status).toBe(400);
  });

  it('say where the database is gone, and come back with it', { timeout: 60_000 }, async () => {
    await stack.killService('postgres');
    const refused = await postCompletion(stack, QUESTION);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    await stack.startService('postgres');
    stack.model.script({ text: 'back' });
    const answer = await postCompletion(stack, { ...QUESTION, stream: false });
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 'back' } }] });
  });
});
