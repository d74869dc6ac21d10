import { HEADERS } from '@rubot/contracts/headers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkNewSender } from '../_senders.ts';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { connect, failureOf, SDKS } from '../clients/_client.ts';
import { createDataFolder } from './_data-folder.ts';
import { beginRun, callRuns, readRun, readRunEvents, textOf } from './_runs.ts';

const COPIES = 10;
const RUN_LEASE = { RUN_LEASE_MS: '1000', RUN_HEARTBEAT_MS: '300', SWEEP_INTERVAL_MS: '100' };

let stack: ModelStack;
const data = createDataFolder();
beforeAll(async () => {
  stack = await startModelStack({
    agents: ['conversational'],
    persistDirectory: data.path,
    variables: { orchestrator: RUN_LEASE },
  });
});
afterAll(async () => {
  await stack.stop();
  data.remove();
});

const QUESTION = { model: 'rubot', messages: [{ role: 'user' as const, content: 'Think of a number.' }] };

let keys = 0;
function newKey(): string {
  keys += 1;
  return `order-${keys}/retry`;
}

interface Copy {
  readonly id: string;
  readonly text: string;
  readonly runId: string | null;
  readonly isReplayed: boolean;
}

type Client = ReturnType<typeof connect>['client'];

/** As a client asks that wants its answer once, however often it has to ask. */
async function ask(client: Client, key: string, stream: boolean): Promise<Copy> {
  const options = { headers: { 'Idempotency-Key': key } };
  const { data, response } = await client.chat.completions.create({ ...QUESTION, stream }, options).withResponse();
  let id = '';
  let text = '';
  for await (const { id: chunkId, choices } of 'choices' in data
    ? [{ id: data.id, choices: [{ delta: data.choices[0]!.message }] }]
    : data) {
    id = chunkId;
    text += choices[0]?.delta.content ?? '';
  }
  const { headers } = response;
  return { id, text, runId: headers.get(HEADERS.runId), isReplayed: headers.get(HEADERS.idempotentReplayed) === 'true' };
}

describe.each(SDKS)('copies of a request of $name under one Idempotency-Key', (sdk) => {
  describe.each([false, true])('(stream: %s)', (stream) => {
    it(`are one model call and one answer, ${COPIES} at once`, async () => {
      const asked = stack.model.requests.length;
      stack.model.script({ text: ['forty', '-', 'two'] });
      const { client } = connect(sdk, stack);
      const key = newKey();
      const copies = await Promise.all(Array.from({ length: COPIES }, () => ask(client, key, stream)));
      expect(stack.model.requests).toHaveLength(asked + 1);
      expect(new Set(copies.map(({ text }) => text))).toEqual(new Set(['forty-two']));
      expect(new Set(copies.map(({ id }) => id)).size).toBe(1);
      expect(new Set(copies.map(({ runId }) => runId)).size).toBe(1);
      expect(copies.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    });

    it('are one answer though the gateway and the orchestrator were restarted in between', { timeout: 60_000 }, async () => {
      const asked = stack.model.requests.length;
      stack.model.script({ text: 'before the restart' });
      const { client } = connect(sdk, stack);
      const key = newKey();
      const first = await ask(client, key, stream);
      await stack.restartService('orchestrator');
      expect(await ask(client, key, stream)).toEqual({ ...first, isReplayed: true });
      await stack.restartService('workers');
      expect(await ask(client, key, stream)).toEqual({ ...first, isReplayed: true });
      expect(stack.model.requests).toHaveLength(asked + 1);
    });
  });

  it('are one run though the first was asked for as a stream, and broke off', async () => {
    stack.model.script(() => {});
    const begun = stack.model.nextRequest();
    const { client, attempts } = connect(sdk, stack);
    const options = { headers: { 'Idempotency-Key': newKey() } };
    const leave = new AbortController();
    const body = { ...QUESTION, stream: true } as const;
    const left = client.chat.completions.create(body, { ...options, signal: leave.signal });
    const exchange = await begun;
    exchange.sendText('half and ');
    for await (const _ of await left) break;
    leave.abort();
    const again = ask(client, options.headers['Idempotency-Key'], true);
    exchange.sendText('half');
    exchange.finish();
    expect(await again).toMatchObject({ text: 'half and half', isReplayed: true });
    expect(attempts()).toBe(2);
  });

  it('are refused where another one has the key', async () => {
    const { client, attempts } = connect(sdk, stack);
    const headers = { 'Idempotency-Key': newKey() };
    await client.chat.completions.create(QUESTION, { headers });
    const asked = [stack.model.requests.length, attempts()] as const;
    const other = { ...QUESTION, messages: [{ role: 'user' as const, content: 'Think of a letter.' }] };
    const failure = await failureOf(client.chat.completions.create(other, { headers }));
    expect(failure).toBeInstanceOf(sdk.OpenAI.UnprocessableEntityError);
    expect(failure).toMatchObject({ status: 422, code: 'idempotency_mismatch', message: expect.stringMatching(/key/i) });
    // Nobody was asked, and the SDK did not ask twice.
    expect([stack.model.requests.length, attempts()]).toEqual([asked[0], asked[1] + 1]);
  });

  it('are two runs where two senders have the same key', async () => {
    const speaker = await linkNewSender(stack);
    stack.model.script({ text: 'for the one' }, { text: 'for the other' });
    const key = newKey();
    const mine = await ask(connect(sdk, stack).client, key, false);
    const theirs = await ask(connect(sdk, stack, { speaker }).client, key, false);
    expect([mine, theirs]).toMatchObject([
      { text: 'for the one', isReplayed: false },
      { text: 'for the other', isReplayed: false },
    ]);
  });

  it('are answered though the model refused at first', async () => {
    const asked = stack.model.requests.length;
    stack.model.script({ status: 429, body: '{"error":{"message":"slow down"}}' }, { text: 'now' });
    const { client } = connect(sdk, stack);
    const key = newKey();
    // By whichever of them tries again: the run, or the SDK.
    const [first, again] = [await ask(client, key, false).catch(() => undefined), await ask(client, key, false)];
    expect([first, again]).toMatchObject([{ text: 'now' }, { text: 'now', isReplayed: true }]);
    expect(stack.model.requests).toHaveLength(asked + 2);
  });
});

describe('a run that was begun under a key', () => {
  it('is the same one when it is begun again, and its cancel is the same cancel', async () => {
    const headers = { [HEADERS.idempotencyKey]: newKey() };
    stack.model.script(() => {});
    const asked = stack.model.nextRequest();
    const first = await callRuns(stack, '', { body: QUESTION, headers });
    const again = await callRuns(stack, '', { body: QUESTION, headers });
    expect([first.headers.get(HEADERS.idempotentReplayed), again.headers.get(HEADERS.idempotentReplayed)]).toEqual([null, 'true']);
    expect([again.status, again.headers.get('location')]).toEqual([202, first.headers.get('location')]);
    const runId = first.headers.get(HEADERS.runId) ?? '';
    await asked;

    const cancel = { method: 'POST', headers: { [HEADERS.idempotencyKey]: newKey() } };
    const cancelled = await callRuns(stack, `/${runId}/cancel`, cancel);
    const cancelledAgain = await callRuns(stack, `/${runId}/cancel`, cancel);
    expect([cancelled.status, cancelledAgain.status]).toEqual([200, 200]);
    expect(cancelledAgain.headers.get(HEADERS.idempotentReplayed)).toBe('true');
    expect((await callRuns(stack, `/${runId}/cancel`, { method: 'POST' })).status).toBe(409);
    const events = await readRunEvents(stack, runId);
    expect(events.filter(({ type }) => type === 'end')).toHaveLength(1);
  });

  it('is not one that a completion can have: the key belongs to one request about one thing', async () => {
    const headers = { [HEADERS.idempotencyKey]: newKey() };
    const { runId } = await beginRun(stack, QUESTION, { headers });
    expect(textOf(await readRunEvents(stack, runId))).toBe('ok');
    expect((await postCompletion(stack, QUESTION, { headers })).status).toBe(422);
  });

  it('gives a refusal again, as the one that it was', async () => {
    stack.model.script({ status: 400, body: '{"error":{"message":"no","code":"content_filter"}}' });
    const headers = { [HEADERS.idempotencyKey]: newKey() };
    const first = await postCompletion(stack, QUESTION, { headers });
    const again = await postCompletion(stack, QUESTION, { headers });
    expect([again.status, await again.json()]).toEqual([first.status, await first.json()]);
    expect([first.headers.get(HEADERS.idempotentReplayed), again.headers.get(HEADERS.idempotentReplayed)]).toEqual([null, 'true']);
    expect(await readRun(stack, again.headers.get(HEADERS.runId) ?? '')).toMatchObject({ status: 'failed' });
  });
});
