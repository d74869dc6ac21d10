import { Capabilities } from '@rubot/contracts/agent';
import { AGENT_KEY, type AgentHarness, type ReadStream, RUN_ID, readStream } from '@rubot/testkit/agent-contract/harness';
import { decided, expectHeld, HELD } from '@rubot/testkit/agent-contract/held-run';
import type { ModelAnswer } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineTool, type ToolContext } from '../src/define-tool.ts';
import { ask, startTestAgent } from './_harness.ts';

/** What the tools below were run with, and under which key. */
const ran: { tool: string; input: unknown; key: string }[] = [];

function note(tool: string) {
  return (input: unknown, { idempotencyKey }: ToolContext) => {
    ran.push({ tool, input, key: idempotencyKey });
    return { ok: tool };
  };
}

const TOOLS = {
  look: defineTool({ description: 'Looks.', effect: 'read', input: z.object({}), run: note('look') }),
  book: defineTool({
    description: 'Books a day.',
    effect: 'write',
    input: z.object({ day: z.iso.date().transform((day) => new Date(day)), seats: z.int().default(2) }),
    run: note('book'),
  }),
  peek: defineTool({ description: 'Peeks.', effect: 'read', needsApproval: true, input: z.object({}), run: note('peek') }),
};

const COLOUR = { type: 'function', function: { name: 'pick_colour', parameters: { type: 'object', properties: {} } } };
const LOOK = { id: 'call_look', name: 'look', arguments: {} };
const BOOK = { id: 'call_book', name: 'book', arguments: { day: '2026-12-24' } };
const PEEK = { id: 'call_peek', name: 'peek', arguments: {} };

let agent: AgentHarness;
beforeAll(async () => {
  agent = await startTestAgent({ definition: { tools: TOOLS, middlewareTools: [], maxSteps: 3, slotType: 'gpu' } });
});
afterAll(() => agent.stop());
beforeEach(() => {
  ran.length = 0;
});

async function read(answers: readonly ModelAnswer[], journal: readonly unknown[], headers: Record<string, string>): Promise<ReadStream> {
  agent.model.script(...answers);
  const body = { messages: [...ask('go').messages, ...journal], stream: true, tools: [COLOUR] };
  return readStream(await agent.complete(body, { headers }));
}

/** @returns the messages of a first step in which these calls are held */
async function holdFirst(...toolCalls: NonNullable<ModelAnswer['toolCalls']>): Promise<readonly unknown[]> {
  return expectHeld(await read([{ toolCalls }], [], HELD)).messages;
}

describe('what an agent says of itself', () => {
  it('names the slot that its runs take, and the tools that need approval', async () => {
    const response = await fetch(`${agent.url}/v1/capabilities`, { headers: { authorization: `Bearer ${AGENT_KEY}` } });
    const { slot_type, tools } = Capabilities.parse(await response.json());
    expect(slot_type).toBe('gpu');
    expect(tools.map(({ name, needs_approval }) => [name, needs_approval])).toEqual([
      ['look', false],
      ['book', false],
      ['peek', true],
    ]);
  });
});

describe('calls of the agent’s own tools', () => {
  it('are held where they write or need approval, and are run at once where they only read', async () => {
    const step = expectHeld(await read([{ toolCalls: [LOOK, BOOK, PEEK] }], [], HELD));
    expect(step.pending).toEqual([
      { tool_call_id: 'call_book', awaits: 'commit' },
      { tool_call_id: 'call_peek', awaits: 'approval' },
    ]);
    expect(ran.map(({ tool }) => tool)).toEqual(['look']);
  });

  it('are run with their input as the schema reads it, under the key of the call', async () => {
    const journal = await holdFirst(BOOK);
    expect(journal).toMatchObject([{ tool_calls: [{ function: { arguments: '{"day":"2026-12-24"}' } }] }]);
    await read([{ text: 'Booked.' }], journal, decided());
    expect(ran).toEqual([{ tool: 'book', input: { day: new Date('2026-12-24'), seats: 2 }, key: `${RUN_ID}/s1/call_book` }]);
  });

  it('are refused at once where their input is wrong: nobody is asked about what could not be run', async () => {
    const { text, steps } = await read([{ toolCalls: [{ ...BOOK, arguments: { day: 'tomorrow' } }] }, { text: 'Which day?' }], [], HELD);
    expect(text).toBe('Which day?');
    expect(steps[0]?.messages.at(-1)?.content).toContain('Invalid input for tool book');
    expect(steps[0]?.pending).toBeUndefined();
  });

  it('are checked again when they come back, whatever has become of them on the way', async () => {
    const calls = [{ id: 'call_book', type: 'function', function: { name: 'book', arguments: '{"day":' } }];
    const { steps } = await read([{ text: 'Hm.' }], [{ role: 'assistant', content: null, tool_calls: calls }], decided());
    expect(steps[0]?.messages[0]?.content).toMatch(/^Error: Invalid input for tool book/);
    expect(ran).toEqual([]);
  });

  it('wait for a decision on themselves, not on the name of something else', async () => {
    const journal = await holdFirst({ ...PEEK, id: 'constructor' });
    expect(expectHeld(await read([], journal, decided())).pending).toEqual([{ tool_call_id: 'constructor', awaits: 'approval' }]);
    expect(ran).toEqual([]);
    await read([{ text: 'Seen.' }], journal, decided({ constructor: { decision: 'approve' } }));
    expect(ran.map(({ tool }) => tool)).toEqual(['peek']);
  });

  it('come to nothing where the model was cut off: they may be a piece of what it would have called', async () => {
    const { steps, finishReasons } = await read([{ text: 'I wo', toolCalls: [BOOK], finishReason: 'length' }], [], HELD);
    expect(finishReasons).toEqual(['length']);
    expect(steps).toMatchObject([{ messages: [{ role: 'assistant', content: 'I wo' }], finish_reason: 'length' }]);
    expect(steps[0]?.messages[0]).not.toHaveProperty('tool_calls');
    expect(steps[0]?.pending).toBeUndefined();
  });

  it('leave the calls of the client in their step for later', async () => {
    const first = await read([{ toolCalls: [BOOK, { id: 'call_colour', name: 'pick_colour', arguments: {} }] }], [], HELD);
    const step = expectHeld(first);
    expect(step.pending).toEqual([{ tool_call_id: 'call_book', awaits: 'commit' }]);
    expect(first.chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []))).toEqual([]);
    const asked = agent.model.requests.length;
    const { chunks, finishReasons } = await read([], step.messages, decided());
    expect(ran.map(({ tool }) => tool)).toEqual(['book']);
    expect(chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []))).toMatchObject([{ id: 'call_colour' }]);
    expect([finishReasons, agent.model.requests.length]).toEqual([['tool_calls'], asked]);
  });

  it('are in the log of the run that they were run in', async () => {
    const journal = await holdFirst(BOOK);
    await read([{ text: 'Booked.' }], journal, decided());
    const log = agent.lines.findLast((line) => line.event_type === 'agent.log')?.agent;
    expect(log?.steps.map(({ finish_reason, tool_calls }) => [finish_reason, tool_calls.map(({ name }) => name)])).toEqual([
      ['resumed', ['book']],
      ['stop', []],
    ]);
    expect(log?.signals).toEqual([]);
  });
});

describe('the step limit', () => {
  it('counts a step once, however often it was held', async () => {
    const journal: unknown[] = [];
    for (let count = 1; count <= 3; count += 1) {
      const stream = await read([{ toolCalls: [{ ...BOOK, id: `call_${count}` }] }], journal, count === 1 ? HELD : decided());
      expect(stream.steps.map(({ index }) => index)).toEqual(count === 1 ? [0] : [count - 2, count - 1]);
      expectHeld(stream);
      journal.push(...stream.steps.flatMap((step) => step.messages));
    }
    const asked = agent.model.requests.length;
    const { text, finishReasons } = await read([], journal, decided());
    expect(ran.map(({ key }) => key)).toEqual([1, 2, 3].map((count) => `${RUN_ID}/s1/call_${count}`));
    expect(text).toMatch(/^\(Stopped after 3 steps/);
    expect([finishReasons, agent.model.requests.length]).toEqual([['length'], asked]);
  });
});
