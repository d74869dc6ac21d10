import { add, takeBack } from './counter.ts';
import { type CounterKey, type Counters, counterNow, keyOf } from './decide.ts';
import type { Demand } from './demands.ts';
import { isMoney, type LimitKind, periodOf } from './limit-kinds.ts';

/** What is reserved of one limit, as it is kept with its run. */
export interface ReservedItem extends CounterKey {
  readonly amount: number;
  /** Of the period in which it was reserved. */
  readonly windowStartMs: number;
}

/** What came of a run; nothing where it was not let in. */
export interface Used {
  readonly tokens: number | undefined;
  readonly nanoUsd: number | undefined;
}

/** To be called when the demands were granted, and the counters are as they were then. */
export function toItems(demands: readonly Demand[], counters: Counters, atMs: number): readonly ReservedItem[] {
  return demands.map(({ scope, kind, amount }) => {
    return { scope, kind, amount, windowStartMs: counterNow(counters, { scope, kind }, atMs).windowStartMs };
  });
}

/**
 * Puts what was used in the place of what was reserved. Less is given back to the period in which it was reserved; more counts in the
 * one in which it becomes known: else whoever asks for little, and takes hours for much, would have no limit.
 */
export function settleItems(items: readonly ReservedItem[], used: Used | undefined, counters: Counters, atMs: number): void {
  for (const item of items) {
    const counter = counterNow(counters, item, atMs);
    const excess = (used === undefined ? 0 : usedOf(item, used)) - item.amount;
    if (excess > 0) counters.set(keyOf(item), add(counter, excess));
    if (excess < 0) counters.set(keyOf(item), takeBack(counter, periodOf(item.kind), item.windowStartMs, -excess));
  }
}

/** What nobody knows stays what it was taken for. */
function usedOf({ kind, amount }: ReservedItem, { tokens = amount, nanoUsd = amount }: Used): number {
  if (isMoney(kind)) return nanoUsd;
  return COUNTED_AT_END[kind]?.(tokens) ?? amount;
}

const COUNTED_AT_END: Readonly<Partial<Record<LimitKind, (tokens: number) => number>>> = {
  tokens_per_minute: (tokens) => tokens,
  concurrent_runs: () => 0,
};
