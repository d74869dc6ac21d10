import type { ModelScript } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { askForAnswer, askForFailure, beginAnswer, findDeadOrigin, PAGE, PAGE_WORDS } from './_failure.ts';

/** Words of a provider: about its keys, its customers, its hosts. */
const PROVIDER_WORDS = /canary|org-4711|sk-pro/;

let stack: ModelStack;
const printed: string[] = [];

beforeAll(async () => {
  const nowhere = await findDeadOrigin();
  stack = await startModelStack({
    agents: ['conversational', 'template'],
    variables: { 'agent-template': { OPENAI_BASE_URL: `${nowhere}/v1` } },
    onLine: (line) => printed.push(line),
    onNoise: (line) => printed.push(line),
  });
});
afterAll(() => stack.stop());

function refuse(status: number, type: string, headers: Record<string, string> = {}): ModelScript {
  const message = 'canary-provider: key sk-proj-1234567890abcdef of org-4711 is at its limit';
  return { status, headers, body: JSON.stringify({ error: { message, type, code: null, param: null } }) };
}

describe('a model that refuses', () => {
  it.each([
    ['a wrong key', refuse(401, 'invalid_request_error'), 500, 'misconfigured', 'false'],
    ['its limit', refuse(429, 'rate_limit_error', { 'retry-after': '7' }), 429, 'rate_limited', 'true'],
    ['its own failure', refuse(500, 'server_error'), 502, 'upstream_failed', 'false'],
    ['a page of status 200', { status: 200, headers: { 'content-type': 'text/html' }, body: PAGE }, 502, 'upstream_failed', 'false'],
    ['a page of status 502', { status: 502, headers: { 'content-type': 'text/html' }, body: PAGE }, 502, 'upstream_failed', 'false'],
  ])('for %s is a typed error without its words', async (_, script, status, code, shouldRetry) => {
    for (const stream of [false, true]) {
      stack.model.script(script);
      const failure = await askForFailure(stack, 'rubot/conversational', { stream });
      expect(failure).toMatchObject({ status, code, shouldRetry });
      expect(failure.message).not.toMatch(PROVIDER_WORDS);
      await stack.waitForLine((line) => line.trace_id === failure.traceId && line.error?.code === code);
    }
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });

  it('to connect is a 503', async () => {
    expect(await askForFailure(stack, 'rubot/template', { stream: true })).toMatchObject({ status: 503, code: 'unavailable' });
  });

  it('in the middle of its answer ends it with an error frame', async () => {
    const asked = stack.model.nextRequest();
    stack.model.script((exchange) => exchange.sendText('Once upon'));
    const answer = await beginAnswer(stack, 'rubot/conversational');
    const exchange = await asked;
    exchange.sendRaw(`data: ${JSON.stringify({ error: { message: 'canary-provider overloaded', type: 'server_error', code: null } })}\n\n`);
    exchange.cut('clean-eof');
    expect(await answer.finish()).toEqual({ text: 'Once upon', finishReason: null, errorCode: 'upstream_failed' });
  });

  it('the planner as well costs no answer: an agent is chosen without it', async () => {
    stack.model.script(refuse(500, 'server_error'));
    expect(await askForAnswer(stack, 'rubot')).toBe('ok');
  });

  it('time after time takes the agent from nobody', async () => {
    for (let index = 0; index < 8; index += 1) {
      stack.model.script(refuse(400, 'invalid_request_error'));
      expect(await askForFailure(stack, 'rubot/conversational', { stream: true })).toMatchObject({ status: 502, code: 'upstream_failed' });
    }
    expect(await askForAnswer(stack, 'rubot/conversational')).toBe('ok');
  });

  it('leaves no page, no key and no word of a user in any line', () => {
    const text = printed.join('\n');
    expect(text).toContain('model.completed');
    expect(text).not.toMatch(PAGE_WORDS);
    expect(text).not.toMatch(/canary-question|sk-of-the-test|sk-proj-1234567890abcdef/);
  });
});
