import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, type Counter, EMPTY, emptyInMs, hasRoom, roll, roomInMs, takeBack, usedAt, windowEndOf, windowStartOf } from './counter.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const at = (seconds: number) => NOON + seconds * 1_000;

function counterOf(seconds: number, used: number, previous = 0): Counter {
  return { windowStartMs: at(seconds), used, previous };
}

describe('a counter of a minute', () => {
  it('slides: what came in the minute before counts less and less, and not at all after it', () => {
    const counter = roll(counterOf(0, 60), 'minute', at(60));
    expect(counter).toEqual(counterOf(60, 0, 60));
    expect([60, 75, 90, 119].map((seconds) => usedAt(counter, 'minute', at(seconds)))).toEqual([60, 45, 30, 1]);
    expect(roll(counter, 'minute', at(120))).toEqual(counterOf(120, 0, 0));
    expect(roll(counterOf(0, 60), 'minute', at(200))).toEqual(counterOf(180, 0));
  });

  it('lets nobody pass the limit by asking at the turn of a minute', () => {
    const full = counterOf(0, 10);
    const limit = { limit: 10, amount: 1 };
    expect(hasRoom(roll(full, 'minute', at(59.999)), 'minute', limit, at(59.999))).toBe(false);
    expect(hasRoom(roll(full, 'minute', at(60)), 'minute', limit, at(60))).toBe(false);
    expect(hasRoom(roll(full, 'minute', at(66)), 'minute', limit, at(66))).toBe(true);
  });

  it('stays where it is while a clock is behind', () => {
    const counter = counterOf(60, 5, 10);
    expect(roll(counter, 'minute', at(59))).toBe(counter);
    expect(usedAt(counter, 'minute', at(59))).toBe(15);
  });

  it('takes back where it was taken, as long as it counts', () => {
    expect(takeBack(counterOf(60, 5, 10), 'minute', at(60), 3)).toEqual(counterOf(60, 2, 10));
    expect(takeBack(counterOf(60, 5, 10), 'minute', at(0), 3)).toEqual(counterOf(60, 5, 7));
    expect(takeBack(counterOf(60, 5, 10), 'minute', at(-60), 3)).toEqual(counterOf(60, 5, 10));
  });

  it('says how long until there is room to the millisecond, and until it is empty', () => {
    const count = fc.integer({ min: 0, max: 1_000_000 });
    const asked = fc.record({ used: count, previous: count, limit: count, amount: count, elapsedMs: fc.integer({ min: 0, max: 59_999 }) });
    let refused = 0;
    fc.assert(
      fc.property(asked, ({ used, previous, limit, amount: wish, elapsedMs }) => {
        const counter = { windowStartMs: NOON, used, previous };
        const wanted = { limit, amount: Math.min(wish, limit) };
        const nowMs = NOON + elapsedMs;
        const waitMs = roomInMs(counter, 'minute', wanted, nowMs);
        const hasRoomAt = (atMs: number) => hasRoom(roll(counter, 'minute', atMs), 'minute', wanted, atMs);
        expect(hasRoomAt(nowMs + waitMs)).toBe(true);
        if (waitMs === 0) return;
        refused += 1;
        expect(hasRoomAt(nowMs + waitMs - 1)).toBe(false);
        const emptyAtMs = nowMs + emptyInMs(counter, nowMs);
        expect(usedAt(roll(counter, 'minute', emptyAtMs), 'minute', emptyAtMs)).toBe(0);
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(200);
  });
});

describe('a counter of a calendar', () => {
  it('begins anew at midnight UTC, and on the first of a month', () => {
    const leapNight = Date.UTC(2028, 1, 28, 23, 59);
    expect(new Date(windowEndOf('day', windowStartOf('day', leapNight))).toISOString()).toBe('2028-02-29T00:00:00.000Z');
    expect(new Date(windowEndOf('month', windowStartOf('month', leapNight))).toISOString()).toBe('2028-03-01T00:00:00.000Z');
    const december = Date.UTC(2026, 11, 31, 23);
    expect(new Date(windowEndOf('month', windowStartOf('month', december))).toISOString()).toBe('2027-01-01T00:00:00.000Z');
    const spent = add(roll(EMPTY, 'day', december), 7);
    expect(usedAt(spent, 'day', december)).toBe(7);
    expect(roll(spent, 'day', december + 3_600_000)).toEqual({ windowStartMs: Date.UTC(2027, 0, 1), used: 0, previous: 0 });
  });

  it('has room again when it begins anew', () => {
    const spent = add(roll(EMPTY, 'day', at(0)), 10);
    expect(roomInMs(spent, 'day', { limit: 10, amount: 1 }, at(0))).toBe(12 * 3_600_000);
  });

  it('forgets nothing of what is open, however old', () => {
    const open = add(roll(EMPTY, 'open', at(0)), 3);
    expect(roll(open, 'open', at(1e9))).toBe(open);
    expect(takeBack(open, 'open', 0, 1).used).toBe(2);
  });
});
