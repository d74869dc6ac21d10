import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CALLER_HEADERS, RUN_ID, readStream } from '../agent-contract/harness.ts';
import { decided, expectHeld, HELD, QUESTION } from '../agent-contract/held-run.ts';
import { type FakeAgent, startFakeAgent } from '../fake-agent.ts';
import { readAgentRequest } from './agent-request.ts';
import { followPlan } from './follow-plan.ts';

const effects: string[] = [];
let agent: FakeAgent;
beforeAll(async () => {
  agent = await startFakeAgent({ id: 'planned' });
  agent.onCompletion(
    followPlan(
      [
        { text: 'One.', calls: [{ id: 'a', effect: 'read' }] },
        { text: 'Two.', calls: [{ id: 'b', effect: 'read' }, { id: 'c' }, { id: 'd', needsApproval: true }] },
        { text: 'Three.' },
      ],
      { runCall: (_call, idempotencyKey) => `done ${effects.push(idempotencyKey)}` },
    ),
  );
});
afterAll(() => agent.close());
beforeEach(() => {
  effects.length = 0;
});

function complete(journal: readonly unknown[], headers: Record<string, string>): Promise<Response> {
  const body = JSON.stringify({ messages: [QUESTION, ...journal], stream: true });
  return fetch(`${agent.origin}/v1/chat/completions`, { method: 'POST', headers: { ...CALLER_HEADERS, ...headers }, body });
}

it('goes through its plan, request by request, as an agent does', async () => {
  const first = await readStream(await complete([], HELD));
  expect(expectHeld(first).pending).toEqual([
    { tool_call_id: 'c', awaits: 'commit' },
    { tool_call_id: 'd', awaits: 'approval' },
  ]);
  expect(first.text).toBe('One.\n\nTwo.');
  expect(first.chunks.at(-1)?.usage?.total_tokens).toBe(36);
  const journal = first.steps.flatMap((step) => step.messages);
  const second = expectHeld(await readStream(await complete(journal, decided())));
  expect(second).toMatchObject({ messages: [{ tool_call_id: 'c' }], pending: [{ tool_call_id: 'd' }] });
  const third = await readStream(await complete([...journal, ...second.messages], decided({ d: { decision: 'reject', comment: 'No.' } })));
  expect(third.steps.map((step) => step.messages[0]?.content)).toEqual(['A person rejected this call. No.', 'Three.']);
  expect({ text: third.text, finishReasons: third.finishReasons, isDone: third.isDone }).toEqual({
    text: 'Three.',
    finishReasons: ['stop'],
    isDone: true,
  });
  expect(effects).toEqual(['a', 'b', 'c'].map((id) => `${RUN_ID}/s1/${id}`));
  expect(readAgentRequest(agent.completions.at(-1)!)).toMatchObject({
    steps: '2',
    decisions: { d: { decision: 'reject' } },
    openCalls: [{ id: 'd' }],
  });
});

it('runs no open call without decisions, as an agent does not', async () => {
  const { steps } = await readStream(await complete([], HELD));
  effects.length = 0;
  expect(
    (
      await complete(
        steps.flatMap((step) => step.messages),
        HELD,
      )
    ).status,
  ).toBe(400);
  expect(effects).toEqual([]);
});
