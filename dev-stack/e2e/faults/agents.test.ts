import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HopProxy, startHopProxy } from '../_hop-proxy.ts';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { askForAnswer, askForFailure, beginAnswer, findDeadOrigin, PAGE, PAGE_WORDS, STORY } from './_failure.ts';

const REQUEST_TIMEOUT_MS = 2_500;
/** What a busy machine may add to a deadline. */
const SLACK_MS = 3_000;
/** Far under any timeout that a dead host could have cost. */
const AT_ONCE_MS = 2_000;

let hanging: FakeAgent;
let behindProxy: FakeAgent;
let proxy: HopProxy;
let twin: FakeAgent;
let stack: ModelStack;
const printed: string[] = [];

beforeAll(async () => {
  [hanging, behindProxy, twin] = (await Promise.all(['hanging', 'proxied', 'twins'].map((id) => startFakeAgent({ id })))) as [
    FakeAgent,
    FakeAgent,
    FakeAgent,
  ];
  proxy = await startHopProxy();
  proxy.forwardTo(behindProxy.origin);
  const [dead, deadTwin] = await Promise.all([findDeadOrigin(), findDeadOrigin()]);
  stack = await startModelStack({
    agents: ['conversational'],
    extraAgents: { dead, hanging: hanging.origin, proxied: proxy.origin, twins: [deadTwin, twin.origin] },
    variables: { gateway: { REQUEST_TIMEOUT_MS: String(REQUEST_TIMEOUT_MS) } },
    onLine: (line) => printed.push(line),
    onNoise: (line) => printed.push(line),
  });
});
afterAll(async () => {
  await stack.stop();
  await Promise.all([hanging.close(), behindProxy.close(), twin.close(), proxy.close()]);
});

describe('a dead agent', () => {
  it('is a 503 at once, time after time, and nobody else’s trouble', async () => {
    for (const stream of [false, true, false, true, false, true, false]) {
      const failure = await askForFailure(stack, 'rubot/dead', { stream });
      expect(failure).toMatchObject({ status: 503, code: 'unavailable', shouldRetry: 'true' });
      expect(failure.durationMs).toBeLessThan(AT_ONCE_MS);
      expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
    }
    expect(await askForAnswer(stack, 'rubot')).toMatch(/ok|answer of/);
  });

  it('that is one of two replicas costs no request its answer', async () => {
    const answers: string[] = [];
    for (let index = 0; index < 20; index += 1) answers.push(await askForAnswer(stack, 'rubot/twins'));
    answers.push(...(await Promise.all(Array.from({ length: 20 }, () => askForAnswer(stack, 'rubot/twins')))));
    expect(answers).toEqual(Array.from({ length: 40 }, () => 'answer of twins'));
    expect(twin.completions).toHaveLength(40);
  });
});

describe('a hanging agent', () => {
  it('is ended by the deadline: with a status before its first word, with an error frame after it', async () => {
    hanging.onCompletion((exchange) => {
      if (JSON.stringify(exchange.body).includes(STORY)) exchange.sendText('Once upon');
    });
    const [whole, streamed, begun] = await Promise.all([
      askForFailure(stack, 'rubot/hanging', { stream: false }),
      askForFailure(stack, 'rubot/hanging', { stream: true }),
      beginAnswer(stack, 'rubot/hanging').then((answer) => answer.finish()),
    ]);
    for (const failure of [whole, streamed]) {
      expect(failure).toMatchObject({ status: 504, code: 'deadline_exceeded', shouldRetry: 'false' });
      expect(failure.durationMs).toBeLessThan(REQUEST_TIMEOUT_MS + SLACK_MS);
    }
    expect(begun).toEqual({ text: 'Once upon', finishReason: null, errorCode: 'deadline_exceeded' });
    expect(hanging.completions).toHaveLength(3);
    await Promise.all(hanging.completions.map(({ aborted }) => aborted));
  });
});

describe('a page of a proxy in front of an agent', () => {
  it.each([
    [200, 502, 'upstream_failed'],
    [502, 502, 'upstream_failed'],
    [503, 503, 'unavailable'],
  ])('of status %i is a %i %s, of which no word is passed on', async (pageStatus, status, code) => {
    proxy.interfere({ path: /chat\/completions/, page: { status: pageStatus, html: PAGE } });
    for (const stream of [false, true]) {
      const failure = await askForFailure(stack, 'rubot/proxied', { stream });
      // A proxy does not tell whether the agent had begun, so nobody may be told to ask again.
      expect(failure).toMatchObject({ status, code, shouldRetry: 'false' });
      expect(failure.message).not.toMatch(PAGE_WORDS);
      await stack.waitForLine((line) => line.trace_id === failure.traceId && line.error?.detail?.includes('text/html') === true);
    }
    proxy.interfere();
    expect(await askForAnswer(stack, 'rubot/proxied')).toBe('answer of proxied');
    expect(printed.join('\n')).not.toMatch(PAGE_WORDS);
  });
});

describe('an agent that is killed in the middle of its answer', () => {
  it('leaves an error frame with a known trace, and answers again when it is back', async () => {
    stack.model.script((exchange) => exchange.sendText('Once upon'));
    const answer = await beginAnswer(stack, 'rubot/conversational');
    await stack.killService('agent-conversational');
    expect(await answer.finish()).toEqual({ text: 'Once upon', finishReason: null, errorCode: 'stream_interrupted' });
    const { failures } = await stack.waitForTrace(answer.traceId, (trace) =>
      trace.failures.some(({ service }) => service === 'rubot-gateway'),
    );
    expect(failures[0]).toMatchObject({ service: 'rubot-orchestrator', code: 'stream_interrupted' });

    expect(await askForFailure(stack, 'rubot/conversational', { stream: true })).toMatchObject({ status: 503, code: 'unavailable' });
    await stack.startService('agent-conversational');
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });
});
