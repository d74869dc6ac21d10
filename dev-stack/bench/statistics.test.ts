import { describe, expect, it } from 'vitest';
import { percentile, toPairedSpread } from './statistics.ts';

describe('percentile', () => {
  it('is the nearest rank, in whatever order the values came', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([percentile(values, 50), percentile(values, 99), percentile(values, 100)]).toEqual([50, 99, 100]);
    expect(percentile([7], 99)).toBe(7);
  });

  it('is not made up where nothing was measured', () => {
    expect(() => percentile([], 50)).toThrow(/nothing/);
  });
});

describe('toPairedSpread', () => {
  it('compares what was measured in the same round', () => {
    // The machine was half as fast in the second round, for both.
    expect(toPairedSpread([80, 40, 90], [100, 50, 100], (left, right) => left / right)).toEqual({ median: 0.8, min: 0.8, max: 0.9 });
  });
});
