import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { describe, expect, it } from 'vitest';
import { replaySteps } from './replay.ts';

const USAGE = { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 };

function call(id: string): ToolCall {
  return { id, type: 'function', function: { name: `tool_${id}`, arguments: '{}' } };
}

function said(content: string | null, ...calls: ToolCall[]): ChatMessage {
  return { role: 'assistant', content, ...(calls.length === 0 ? {} : { tool_calls: calls }) };
}

function result(id: string): ChatMessage {
  return { role: 'tool', tool_call_id: id, content: `result of ${id}` };
}

function step(index: number, messages: ChatMessage[], more: Partial<StepEvent> = {}): StepEvent {
  return { index, messages, usage: USAGE, ...more };
}

const held = (id: string, awaits = 'commit') => ({ pending: [{ tool_call_id: id, awaits }] });

function replay(...steps: StepEvent[]) {
  const { standing, parts, messages, usage } = replaySteps(steps);
  const deltas = parts.map(({ choices }) => choices[0]?.delta);
  return { standing, text: deltas.map((delta) => delta?.content ?? '').join(''), deltas, messages, usage };
}

describe('a slice goes on', () => {
  it('from the beginning without a journal', () => {
    expect(replay()).toMatchObject({ standing: { status: 'open' }, text: '', messages: [], usage: { total_tokens: 0 } });
  });

  it('behind a step whose calls have their results', () => {
    const first = step(0, [said('One.', call('a')), result('a')]);
    expect(replay(first)).toMatchObject({ standing: { status: 'open' }, text: 'One.', messages: first.messages, usage: USAGE });
  });

  it('behind a step of which calls are held, with what each of them waits for', () => {
    const last = step(1, [said('Two.', call('b'), call('c'), call('d')), result('b')], {
      pending: [
        { tool_call_id: 'c', awaits: 'commit' },
        { tool_call_id: 'd', awaits: 'approval' },
      ],
    });
    const { standing, text } = replay(step(0, [said('One.', call('a')), result('a')]), last);
    expect(standing).toEqual({
      status: 'held',
      calls: [
        { call: call('c'), awaits: 'commit' },
        { call: call('d'), awaits: 'approval' },
      ],
    });
    expect(text).toBe('One.\n\nTwo.');
  });

  it('behind results of calls that were held, also where the same step has calls of the client’s', () => {
    expect(replay(step(0, [said(null, call('a'))], held('a')), step(1, [result('a')])).standing).toEqual({ status: 'open' });
    const both = step(0, [said(null, call('a'), call('clients'))], held('a'));
    expect(replay(both, step(1, [result('a')])).standing).toEqual({ status: 'open' });
  });

  it('behind results of some, where the others are held again', () => {
    const steps = [
      step(0, [said(null, call('a'), call('b'))], {
        pending: [
          { tool_call_id: 'a', awaits: 'commit' },
          { tool_call_id: 'b', awaits: 'approval' },
        ],
      }),
      step(1, [result('a')], held('b', 'approval')),
    ];
    expect(replay(...steps).standing).toEqual({ status: 'held', calls: [{ call: call('b'), awaits: 'approval' }] });
  });

  it('where an id was used before: only the last message’s calls can be open', () => {
    const steps = [step(0, [said(null, call('a')), result('a')]), step(1, [said('Again.', call('a'))], held('a'))];
    expect(replay(...steps).standing).toEqual({ status: 'held', calls: [{ call: call('a'), awaits: 'commit' }] });
    expect(replay(...steps, step(2, [result('a')])).standing).toEqual({ status: 'open' });
  });
});

describe('a slice is over', () => {
  it('with words', () => {
    const { standing, text } = replay(step(0, [said('One.', call('a')), result('a')]), step(1, [said('Two.')], { finish_reason: 'stop' }));
    expect([standing, text]).toEqual([{ status: 'over', finishReason: 'stop' }, 'One.\n\nTwo.']);
  });

  it('with calls of the client’s own tools, which its answer ends with', () => {
    const { standing, deltas } = replay(step(0, [said('Look.', call('clients'))], { finish_reason: 'tool_calls' }));
    expect(standing).toEqual({ status: 'over', finishReason: 'tool_calls' });
    expect(deltas).toEqual([{ content: 'Look.' }, { tool_calls: [{ index: 0, ...call('clients') }] }]);
  });

  it('with calls of the client’s that were made beside some that were held', () => {
    const { standing, deltas } = replay(
      step(0, [said(null, call('a'), call('clients'))], held('a')),
      step(1, [result('a')], { finish_reason: 'tool_calls' }),
    );
    expect(standing).toEqual({ status: 'over', finishReason: 'tool_calls' });
    expect(deltas).toEqual([{ tool_calls: [{ index: 0, ...call('clients') }] }]);
  });

  it.each([
    ['words', [said('Two.')]],
    ['calls of the client’s', [said(null, call('clients'))]],
  ])('with %s, but must say why', (_, messages) => {
    expect(() => replay(step(0, messages))).toThrow(expect.objectContaining({ code: 'stream_interrupted' }));
  });
});
