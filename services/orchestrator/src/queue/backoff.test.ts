import { afterEach, expect, it, vi } from 'vitest';
import { backoffMs, withJitter } from './backoff.ts';

afterEach(() => void vi.restoreAllMocks());

const LEAST = 0;
const MOST = 1 - Number.EPSILON;

it.each([
  [0, 500, 1_000],
  [1, 1_000, 2_000],
  [2, 2_000, 4_000],
  [5, 16_000, 32_000],
  [6, 30_000, 60_000],
  [20, 30_000, 60_000],
  [2_000, 30_000, 60_000],
])('after %i failures the next try comes between %i and %i ms later', (failureCount, least, most) => {
  const random = vi.spyOn(Math, 'random');
  random.mockReturnValue(LEAST);
  expect(backoffMs(failureCount)).toBe(least);
  random.mockReturnValue(MOST);
  expect(backoffMs(failureCount)).toBe(most);
});

it('those that failed together come back apart', () => {
  const delays = new Set(Array.from({ length: 100 }, () => withJitter(10_000)));
  expect(delays.size).toBeGreaterThan(50);
});
