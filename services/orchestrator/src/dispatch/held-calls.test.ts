import type { CallDecisions, StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage } from '@rubot/contracts/chat-request';
import { NO_USAGE } from '@rubot/contracts/chat-response';
import { describe, expect, it } from 'vitest';
import { assertHoldable, findOpenCalls, isUndecided } from './held-calls.ts';

function calls(...ids: string[]): ChatMessage {
  return {
    role: 'assistant',
    content: null,
    tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
  };
}

function result(id: string): ChatMessage {
  return { role: 'tool', tool_call_id: id, content: 'r' };
}

function step(messages: ChatMessage[], ...pending: [id: string, awaits: string][]): StepEvent {
  return { index: 0, messages, usage: NO_USAGE, pending: pending.map(([tool_call_id, awaits]) => ({ tool_call_id, awaits })) };
}

const APPROVED: CallDecisions = { a: { decision: 'approve' } };
const refusal = expect.objectContaining({ code: 'upstream_failed' });

describe('an agent may hold', () => {
  it.each<[string, StepEvent, ChatMessage[], CallDecisions]>([
    ['nothing', step([calls('a'), result('a')]), [], {}],
    ['new calls', step([calls('a', 'b', 'c'), result('b')], ['a', 'commit'], ['c', 'approval']), [calls('z'), result('z')], {}],
    ['a call that it held before, where no person has decided', step([result('b')], ['a', 'approval']), [calls('a', 'b')], {}],
  ])('%s', (_, told, earlier, decisions) => {
    expect(() => assertHoldable(told, earlier, decisions)).not.toThrow();
  });
});

describe('an agent may not hold', () => {
  it.each<[string, StepEvent, ChatMessage[], CallDecisions]>([
    ['a call that it has not made', step([calls('a')], ['b', 'commit']), [], {}],
    ['a call that has its result', step([calls('a'), result('a')], ['a', 'commit']), [], {}],
    ['a call of an earlier message', step([calls('b')], ['a', 'approval']), [calls('a'), result('a')], {}],
    ['a call that was on record when it was asked', step([result('b')], ['a', 'commit']), [calls('a', 'b')], {}],
    ['a call that was decided', step([result('b')], ['a', 'approval']), [calls('a', 'b')], APPROVED],
    ['a new call under an id that it used before', step([calls('a')], ['a', 'approval']), [calls('a'), result('a')], {}],
    ['a new call under an id that was decided for another slice', step([calls('a')], ['a', 'approval']), [], APPROVED],
  ])('%s', (_, told, earlier, decisions) => {
    expect(() => assertHoldable(told, earlier, decisions)).toThrow(refusal);
  });
});

it('asks for no decision by the name of something that every object has', () => {
  const [call] = findOpenCalls([calls('constructor')]);
  if (call === undefined) throw new TypeError('the call is open');
  expect(isUndecided({ call, awaits: 'approval' }, {})).toBe(true);
  expect(isUndecided({ call, awaits: 'commit' }, {})).toBe(false);
});
