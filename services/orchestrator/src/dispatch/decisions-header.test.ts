import { CallDecisions } from '@rubot/contracts/agent';
import { expect, it } from 'vitest';
import { toDecisionsHeader } from './decisions-header.ts';

const heldCall = (id: string) => ({
  call: { id, type: 'function' as const, function: { name: 'f', arguments: '{}' } },
  awaits: 'approval',
});
const read = (header: string) => CallDecisions.parse(JSON.parse(decodeURIComponent(header)));

it('says what was decided on these calls, and to a model only why not', () => {
  const decisions: CallDecisions = {
    a: { decision: 'approve', comment: 'go on' },
    b: { decision: 'reject', comment: 'zu teuer – “nein”\n' },
    other: { decision: 'approve' },
  };
  const header = toDecisionsHeader(decisions, ['a', 'b', 'undecided', 'constructor'].map(heldCall));
  expect(header).toMatch(/^[\x21-\x7e]+$/);
  expect(read(header)).toEqual({ a: { decision: 'approve' }, b: { decision: 'reject', comment: 'zu teuer – “nein”\n' } });
  expect(toDecisionsHeader(decisions, [])).toBe('%7B%7D');
});

it.each([
  ['letters of three bytes', '拒'.repeat(2_000)],
  ['pairs', '🙂'.repeat(1_000)],
  ['what JSON escapes', '\u0001"\\\n'.repeat(500)],
  ['halves of pairs', '\ud83d'.repeat(2_000)],
])('fits into what a server reads of headers, whatever the comments are made of: %s', (_, comment) => {
  const decisions = Object.fromEntries(
    Array.from({ length: 10 }, (_value, index) => [`call_${index}`, { decision: 'reject' as const, comment }]),
  );
  const header = toDecisionsHeader(decisions, Object.keys(decisions).map(heldCall));
  expect(header.length).toBeLessThan(10_000);
  const told = read(header);
  expect(Object.keys(told)).toHaveLength(10);
  for (const { comment: kept } of Object.values(told)) expect(comment.startsWith(kept!.slice(0, -1))).toBe(true);
});
