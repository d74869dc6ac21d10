import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { connect, failureOf, SDKS } from './_client.ts';

/** Headers of a stream go out after this, tokens or none: long enough to leave before them, short enough to wait for them. */
const HOLD_STATUS_MS = 1_000;
/** What the product promises. */
const NOTICED_WITHIN_MS = 1_000;

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'], variables: { orchestrator: { HOLD_STATUS_MS: String(HOLD_STATUS_MS) } } });
});
afterAll(() => stack.stop());

const hello = { model: 'rubot', messages: [{ role: 'user' as const, content: 'Tell me a long story.' }] };

/** A model that has been asked and says nothing of its own accord, and a client that is about to leave. */
async function ask(sdk: (typeof SDKS)[number], stream: boolean) {
  stack.model.script(() => {});
  const arrived = stack.model.nextRequest();
  const controller = new AbortController();
  const { client, attempts } = connect(sdk, stack);
  const answer = client.chat.completions.create({ ...hello, stream }, { signal: controller.signal });
  return { answer, attempts, exchange: await arrived, controller };
}

async function expectNoticed(aborted: Promise<void>, abortedAt: number): Promise<void> {
  await aborted;
  expect(performance.now() - abortedAt).toBeLessThan(NOTICED_WITHIN_MS);
}

describe.each(SDKS)('a client of $name that leaves', (sdk) => {
  it.each([true, false])('before the headers of its answer ends the model call (stream: %s)', async (stream) => {
    const { answer, attempts, exchange, controller } = await ask(sdk, stream);
    const failure = failureOf(answer);
    const abortedAt = performance.now();
    controller.abort();
    expect(await failure).toBeInstanceOf(sdk.OpenAI.APIUserAbortError);
    await expectNoticed(exchange.aborted, abortedAt);
    expect(attempts()).toBe(1);
  });

  it('before the first token ends the model call', async () => {
    const { answer, exchange, controller } = await ask(sdk, true);
    exchange.begin();
    await answer;
    const abortedAt = performance.now();
    controller.abort();
    await expectNoticed(exchange.aborted, abortedAt);
  });

  it('in the middle of an answer ends the model call, also when the model has fallen silent', async () => {
    const { answer, exchange, controller } = await ask(sdk, true);
    exchange.sendText('Once upon a time');
    const chunks = ((await answer) as AsyncIterable<{ choices: { delta: { content?: string } }[] }>)[Symbol.asyncIterator]();
    let heard = '';
    while (heard === '') heard = (await chunks.next()).value?.choices[0]?.delta.content ?? '';
    expect(heard).toBe('Once upon a time');
    const abortedAt = performance.now();
    controller.abort();
    await expectNoticed(exchange.aborted, abortedAt);
  });

  it('by breaking out of its loop ends the model call', async () => {
    const { answer, exchange } = await ask(sdk, true);
    exchange.sendText('Once upon a time');
    let leftAt = 0;
    for await (const _ of (await answer) as AsyncIterable<unknown>) {
      leftAt = performance.now();
      break;
    }
    await expectNoticed(exchange.aborted, leftAt);
  });
});

it('the platform tells in its log that the client left, and answers the next one', async () => {
  const { answer, exchange, controller } = await ask(SDKS[0]!, true);
  const failure = failureOf(answer);
  controller.abort();
  await failure;
  await exchange.aborted;
  const traceId = String(exchange.headers['traceparent']).split('-')[1]!;
  for (const service of ['rubot-gateway', 'rubot-orchestrator', 'rubot-agent-conversational']) {
    const line = await stack.waitForLine(
      (candidate) => candidate.trace_id === traceId && candidate.service === service && candidate.event_type === 'request.completed',
    );
    expect(line.error?.code).toBe('cancelled');
  }
  const { client } = connect(SDKS[0]!, stack);
  expect((await client.chat.completions.create(hello)).choices[0]?.message.content).toBe('ok');
});
