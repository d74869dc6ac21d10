import { describe, expect, it } from 'vitest';
import { judgeClock } from './judge-clock.ts';

describe('the verdict on a clock', () => {
  it.each([
    [1_000, 1_200, 1_100, 'ok'],
    [1_000, 1_200, 3_200, 'ok'],
    [1_000, 1_200, 3_201, 'warning'],
    [10_000, 10_200, 7_999, 'warning'],
    [10_000, 10_200, 15_200, 'warning'],
    [10_000, 10_200, 15_201, 'problem'],
    [10_000, 10_200, 4_999, 'problem'],
    // A slow answer explains as much: nobody is blamed for the network.
    [10_000, 20_000, 19_000, 'ok'],
  ])('sent at %i, read at %i, and there %i: %s', (sentAtMs, readAtMs, theirsMs, status) => {
    expect(judgeClock('a → b', 'b', { sentAtMs, readAtMs, theirsMs }).status).toBe(status);
  });

  it('says how wrong it is, and which way', () => {
    expect(judgeClock('a → b', 'b', { sentAtMs: 0, readAtMs: 100, theirsMs: 60_100 }).message).toBe('the clock of the b is 60.0 s ahead');
    expect(judgeClock('a → b', 'b', { sentAtMs: 60_000, readAtMs: 60_100, theirsMs: 0 }).message).toBe(
      'the clock of the b is 60.0 s behind',
    );
  });
});
