import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type HopProxy, startHopProxy } from '../_hop-proxy.ts';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { askForAnswer, askForFailure, beginAnswer, PAGE, PAGE_WORDS } from './_failure.ts';

let toOrchestrator: HopProxy;
let toMiddleware: HopProxy;
let stack: ModelStack;
const printed: string[] = [];

beforeAll(async () => {
  [toOrchestrator, toMiddleware] = await Promise.all([startHopProxy(), startHopProxy()]);
  stack = await startModelStack({
    agents: ['conversational', 'tables'],
    reroute(urls) {
      toOrchestrator.forwardTo(urls.orchestrator);
      toMiddleware.forwardTo(urls.middleware);
      return { ...urls, orchestrator: toOrchestrator.origin, middleware: toMiddleware.origin };
    },
    onLine: (line) => printed.push(line),
    onNoise: (line) => printed.push(line),
  });
});
afterEach(() => {
  toOrchestrator.interfere();
  toMiddleware.interfere();
  expect(printed.join('\n')).not.toMatch(PAGE_WORDS);
});
afterAll(async () => {
  await stack.stop();
  await Promise.all([toOrchestrator.close(), toMiddleware.close()]);
});

function callTool(name: string, input: unknown): void {
  stack.model.script({ toolCalls: [{ name, arguments: input }] });
}

describe('between gateway and orchestrator', () => {
  it.each([
    [200, 502, 'upstream_failed'],
    [302, 502, 'upstream_failed'],
    [404, 502, 'upstream_failed'],
    [502, 502, 'upstream_failed'],
    [503, 503, 'unavailable'],
  ])('a page of status %i is a %i %s, of which no word is passed on', async (pageStatus, status, code) => {
    toOrchestrator.interfere({ page: { status: pageStatus, html: PAGE } });
    for (const stream of [false, true]) {
      const failure = await askForFailure(stack, 'rubot/conversational', { stream });
      expect(failure).toMatchObject({ status, code, shouldRetry: 'false' });
      expect(failure.message).not.toMatch(PAGE_WORDS);
    }
  });

  it('nobody listening is a 503', async () => {
    await toOrchestrator.goAway();
    for (const stream of [false, true]) {
      expect(await askForFailure(stack, 'rubot/conversational', { stream })).toMatchObject({ status: 503, code: 'unavailable' });
    }
    await toOrchestrator.comeBack();
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });

  it('an orchestrator that is killed in the middle leaves an error frame, and the next one answers', async () => {
    const asked = stack.model.nextRequest();
    stack.model.script((exchange) => exchange.sendText('Once upon'));
    const answer = await beginAnswer(stack, 'rubot/conversational');
    await stack.killService('orchestrator');
    expect(await answer.finish()).toEqual({ text: 'Once upon', finishReason: null, errorCode: 'stream_interrupted' });
    // Whoever worked for it learns that nobody waits any more, up to the model.
    await (await asked).aborted;
    await stack.startService('orchestrator');
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });
});

describe('between an agent and the middleware', () => {
  it('nobody listening is a 503 before the model is asked', async () => {
    await toMiddleware.goAway();
    const before = stack.model.requests.length;
    for (const stream of [false, true]) {
      expect(await askForFailure(stack, 'rubot/tables', { stream })).toMatchObject({ status: 503, code: 'unavailable' });
    }
    expect(stack.model.requests.length).toBe(before);
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
    await toMiddleware.comeBack();
    expect(await askForAnswer(stack, 'rubot/tables')).toBe('ok');
  });

  it.each([200, 500, 502, 503])(
    'a page of status %i in place of a tool’s result ends the run, and the model never reads it',
    async (status) => {
      toMiddleware.interfere({ path: /call$/, page: { status, html: PAGE } });
      for (const stream of [false, true]) {
        const before = stack.model.requests.length;
        callTool('tables_list', {});
        const failure = await askForFailure(stack, 'rubot/tables', { stream });
        expect(failure).toMatchObject({
          status: status === 503 ? 503 : 502,
          code: status === 503 ? 'unavailable' : 'upstream_failed',
          shouldRetry: 'false',
        });
        expect(failure.message).not.toMatch(PAGE_WORDS);
        expect(stack.model.requests.length).toBe(before + 1);
      }
    },
  );

  it('a call that the middleware refuses is told to the model, which answers', async () => {
    const before = stack.model.requests.length;
    callTool('tables_query', { table: 'no_such_table' });
    expect(await askForAnswer(stack, 'rubot/tables')).toBe('ok');
    const [, second] = stack.model.requests.slice(before);
    expect(JSON.stringify(second?.body)).toMatch(/no_such_table.*products/);
  });
});

describe('a service that is stopped', () => {
  it.each(['orchestrator', 'agent-conversational'])('lets the answers end that have begun: %s', async (service) => {
    const asked = stack.model.nextRequest();
    stack.model.script((exchange) => exchange.sendText('Once upon '));
    const answer = await beginAnswer(stack, 'rubot/conversational');
    const stopping = stack.stopService(service);
    await stack.waitForLine((line) => line.event_type === 'service.draining' && line.service === `rubot-${service}`);
    const exchange = await asked;
    exchange.sendText('a time.');
    exchange.finish();
    expect(await answer.finish()).toEqual({ text: 'Once upon a time.', finishReason: 'stop', errorCode: undefined });
    expect(await stopping).toMatchObject({ status: 0, signal: null });
    await stack.startService(service);
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });
});
