import { describe, expect, it } from 'vitest';
import { isRepeated } from './repeats.ts';

const NOW_MS = Date.parse('2026-11-21T12:00:00.000Z');
const refusal = { actor: 'sender:ann', action: 'access.refused', target: 'GET /v1/runs', outcome: 'refused' };

function past(ageMs: number, fields: Partial<typeof refusal> = {}) {
  return { ...refusal, ...fields, at: new Date(NOW_MS - ageMs).toISOString() };
}

function many(count: number, ageMs: number, fields: Partial<typeof refusal> = {}) {
  return Array.from({ length: count }, (_, index) => past(ageMs, { target: `GET /${index}`, ...fields }));
}

describe('isRepeated', () => {
  it.each([
    ['the same, a moment ago', past(0), true],
    ['the same, almost ten seconds ago', past(9_999), true],
    ['the same, ten seconds ago', past(10_000), false],
    ['that of another actor', past(0, { actor: 'sender:bob' }), false],
    ['another action', past(0, { action: 'request.refused' }), false],
    ['another target', past(0, { target: 'GET /v1/models' }), false],
    ['one that has failed', past(0, { outcome: 'failed' }), false],
    ['one that was done', past(0, { outcome: 'done' }), false],
  ])('after %s', (_what, entry, repeated) => {
    expect(isRepeated([entry], refusal, NOW_MS)).toBe(repeated);
  });

  it.each([
    ['29 of the last minute', many(29, 59_999), false],
    ['30 of the last minute', many(30, 59_999), true],
    ['30 of the minute before', many(30, 60_000), false],
    ['30 of another actor', many(30, 0, { actor: 'sender:bob' }), false],
    ['30 that were done', many(30, 0, { outcome: 'done' }), false],
  ])('after %s', (_what, entries, repeated) => {
    expect(isRepeated(entries, refusal, NOW_MS)).toBe(repeated);
  });
});
