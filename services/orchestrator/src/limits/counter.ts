import type { Period } from './limit-kinds.ts';

/** What counts for one limit of one owner. Whole numbers: runs, tokens, billionths of a dollar. */
export interface Counter {
  /** When the period began of which `used` tells. */
  readonly windowStartMs: number;
  readonly used: number;
  /** Of the minute before. */
  readonly previous: number;
}

/** A limit, and how much of it somebody asks for. */
export interface Wanted {
  readonly limit: number;
  readonly amount: number;
}

const MINUTE_MS = 60_000;

export const EMPTY: Counter = { windowStartMs: 0, used: 0, previous: 0 };

export function windowStartOf(period: Period, atMs: number): number {
  const date = new Date(atMs);
  switch (period) {
    case 'minute':
      return Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
    case 'day':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
    case 'month':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    case 'open':
      return 0;
  }
}

export function windowEndOf(period: Period, startMs: number): number {
  const date = new Date(startMs);
  switch (period) {
    case 'minute':
      return startMs + MINUTE_MS;
    case 'day':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1);
    case 'month':
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
    case 'open':
      return Number.POSITIVE_INFINITY;
  }
}

/** The same counter in the period of this moment; one that is ahead of it, as the clock went back, stays. */
export function roll(counter: Counter, period: Period, atMs: number): Counter {
  const startMs = windowStartOf(period, atMs);
  if (startMs <= counter.windowStartMs) return counter;
  const isNext = period === 'minute' && startMs === counter.windowStartMs + MINUTE_MS;
  return { windowStartMs: startMs, used: 0, previous: isNext ? counter.used : 0 };
}

/** What counts at this moment: of the minute before, the share that is less than a minute old if it came evenly. */
export function usedAt({ windowStartMs, used, previous }: Counter, period: Period, atMs: number): number {
  return period === 'minute' ? used + Math.ceil((previous * leftMs(windowStartMs, atMs)) / MINUTE_MS) : used;
}

/** Of a minute that began then. */
function leftMs(startMs: number, atMs: number): number {
  return MINUTE_MS - Math.max(0, atMs - startMs);
}

export function hasRoom(counter: Counter, period: Period, { limit, amount }: Wanted, atMs: number): boolean {
  return usedAt(counter, period, atMs) + amount <= limit;
}

export function add(counter: Counter, amount: number): Counter {
  return { ...counter, used: counter.used + amount };
}

/** Takes back what was added while the period began at that moment; what has ceased to count is not there any more. */
export function takeBack(counter: Counter, period: Period, windowStartMs: number, amount: number): Counter {
  if (windowStartMs === counter.windowStartMs) return { ...counter, used: Math.max(0, counter.used - amount) };
  const wasPrevious = period === 'minute' && windowStartMs + MINUTE_MS === counter.windowStartMs;
  return wasPrevious ? { ...counter, previous: Math.max(0, counter.previous - amount) } : counter;
}

/** How long until there is room, if nothing else comes; only for what the limit can hold at all. */
export function roomInMs(counter: Counter, period: Period, { limit, amount }: Wanted, atMs: number): number {
  if (hasRoom(counter, period, { limit, amount }, atMs)) return 0;
  const endMs = windowEndOf(period, counter.windowStartMs);
  if (period !== 'minute') return endMs - atMs;
  const room = limit - amount;
  return counter.used > room
    ? endMs + slideMs(counter.used, room) - atMs
    : counter.windowStartMs + slideMs(counter.previous, room - counter.used) - atMs;
}

/** How long what came within one minute slides in the next one until no more than that is left of it. */
function slideMs(count: number, rest: number): number {
  return MINUTE_MS - Math.floor((rest * MINUTE_MS) / count);
}

/** How long until nothing counts any more, if nothing else comes. */
export function emptyInMs({ windowStartMs, used, previous }: Counter, atMs: number): number {
  const endMs = windowStartMs + MINUTE_MS;
  if (used > 0) return endMs + MINUTE_MS - atMs;
  return previous > 0 ? Math.max(0, endMs - atMs) : 0;
}
