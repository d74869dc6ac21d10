import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { QueueFigures } from '../runs/postgres/queue-figures.ts';
import { createFiguresReader } from './figures-reader.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const figures = (deadLetterCount: number): QueueFigures => ({ waiting: [], deadLetterCount, reservationCount: 0, workerCounts: new Map() });

describe('figures of the whole', () => {
  it('are asked for once a second, however many want them, and whether or not they came', async () => {
    let asked = 0;
    const read = createFiguresReader(async () => {
      asked += 1;
      if (asked === 2) throw new Error('away');
      return figures(asked);
    });
    const together = await Promise.all(Array.from({ length: 50 }, read));
    expect(together.map((known) => known?.deadLetterCount)).toEqual(Array.from({ length: 50 }, () => 1));
    vi.advanceTimersByTime(999);
    expect((await read())?.deadLetterCount).toBe(1);
    vi.advanceTimersByTime(1);
    expect([await read(), await read(), asked]).toEqual([undefined, undefined, 2]);
    vi.advanceTimersByTime(1_000);
    expect([(await read())?.deadLetterCount, asked]).toEqual([3, 3]);
  });

  it('are done without when the database hangs, before a scraper gives up', async () => {
    const read = createFiguresReader(() => new Promise(() => {}));
    const waiting = read();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waiting).toBeUndefined();
  });
});
