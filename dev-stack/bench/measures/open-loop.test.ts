import { expect, it } from 'vitest';
import { measureOpenLoop } from './open-loop.ts';

it('lets a stall be felt by every request that was due while it lasted', async () => {
  const { promise: stall, resolve: endStall } = Promise.withResolvers<void>();
  const COUNT = 40;
  let due = 0;
  const latenciesMs = await measureOpenLoop({
    ratePerSecond: 1_000,
    turnMs: COUNT,
    // The server answers nobody until the last request has been sent.
    async send() {
      due += 1;
      if (due === COUNT) endStall();
      await stall;
      return performance.now();
    },
  });
  expect(latenciesMs).toHaveLength(COUNT);
  expect(latenciesMs[0]).toBeGreaterThanOrEqual(COUNT - 1);
  expect(latenciesMs.toSorted((left, right) => right - left)).toEqual(latenciesMs);
});
