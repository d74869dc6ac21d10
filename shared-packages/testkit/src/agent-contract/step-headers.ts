import { ErrorBody } from '@rubot/contracts/error';
import { expect, it } from 'vitest';
import type { AgentHarness } from './harness.ts';
import { decided, HELD, QUESTION } from './held-run.ts';

export function checkStepHeaders(harness: () => AgentHarness): void {
  it.each<[string, Record<string, string>]>([
    ['steps of a kind that it does not know', { 'x-rubot-steps': '3' }],
    ['decisions that are no JSON', { 'x-rubot-decisions': '%7B' }],
    ['decisions that are not encoded', { 'x-rubot-decisions': '%zz' }],
    ['decisions in a list', { 'x-rubot-decisions': '%5B%5D' }],
    ['a decision that is none', decided({ call_1: { decision: 'perhaps' } })],
    ['a decision with more than a comment', { 'x-rubot-decisions': encodeURIComponent('{"call_1":{"decision":"approve","by":"me"}}') }],
  ])('refuses %s, without a call to the model', async (_name, headers) => {
    const { complete, model } = harness();
    const before = model.requests.length;
    const response = await complete({ messages: [QUESTION], stream: true }, { headers });
    expect(response.status).toBe(400);
    const { error } = ErrorBody.parse(await response.json());
    expect(Object.keys(headers)).toContain(error.param);
    expect(error.message).toMatch(/^The header x-rubot-(?:steps|decisions) must be /);
    expect(model.requests.length).toBe(before);
  });

  it('refuses to hold calls where it cannot tell of them', async () => {
    const response = await harness().complete({ messages: [QUESTION] }, { headers: HELD });
    expect(response.status).toBe(400);
    expect(ErrorBody.parse(await response.json()).error.param).toBe('stream');
  });
}
