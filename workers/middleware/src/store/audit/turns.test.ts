import { describe, expect, it } from 'vitest';
import { createTurns } from './turns.ts';

describe('createTurns', () => {
  it('gives a turn of a chain to one at a time', () => {
    const turns = createTurns();
    const first = turns.take('acme', 0);
    expect(turns.take('acme', 1)).toBeUndefined();
    expect(turns.take('other', 1)).toBeDefined();
    first?.end();
    expect(turns.take('acme', 2)).toBeDefined();
  });

  it('takes it from one that was never heard of again, and is not ended by that one then', () => {
    const turns = createTurns();
    const lost = turns.take('acme', 0);
    expect(turns.take('acme', 999)).toBeUndefined();
    expect(turns.take('acme', 1_000)).toBeDefined();
    lost?.end();
    expect(turns.take('acme', 1_001)).toBeUndefined();
  });
});
