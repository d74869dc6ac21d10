import { expect, it } from 'vitest';
import { daysBetween } from './days-between.ts';

const context = { signal: new AbortController().signal, span: undefined as never, idempotencyKey: 'run/s1/call' };

it.each([
  ['2026-01-01', '2026-01-31', 30],
  ['2028-02-01', '2028-03-01', 29],
  ['2026-03-28', '2026-03-30', 2],
  ['2026-01-02', '2026-01-01', -1],
])('from %s to %s there are %i days', (from, to, days) => {
  expect(daysBetween.run({ from, to }, context)).toEqual({ days });
});

it.each(['tomorrow', '2026-02-30', ''])('refuses "%s"', (from) => {
  expect(daysBetween.input.safeParse({ from, to: '2026-01-01' }).success).toBe(false);
});
