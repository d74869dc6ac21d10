import { add, type Counter, emptyInMs, hasRoom, roll, roomInMs, usedAt } from './counter.ts';
import type { Demand } from './demands.ts';
import { periodOf } from './limit-kinds.ts';

/** What is counted, and for whom. */
export type CounterKey = Pick<Demand, 'scope' | 'kind'>;

export function keyOf({ scope, kind }: CounterKey): string {
  return `${scope} ${kind}`;
}

/** Counters by their key. */
export type Counters = Map<string, Counter>;

/** Why a run may not begin now. */
export interface Refusal {
  readonly demand: Demand;
  readonly used: number;
  /** Undefined where it can never have room. */
  readonly roomInMs: number | undefined;
  readonly atMs: number;
}

/** Where somebody stands with one limit. */
export interface Standing {
  readonly demand: Demand;
  readonly remaining: number;
  readonly emptyInMs: number;
}

export interface Verdict {
  /** Of all limits in the way; none where the run may begin. */
  readonly refusals: readonly Refusal[];
  readonly standings: readonly Standing[];
}

/** Takes what the run demands out of all counters, or out of none. */
export function decide(demands: readonly Demand[], counters: Counters, atMs: number): Verdict {
  const refusals = demands.flatMap((demand) => refuse(demand, counterNow(counters, demand, atMs), atMs));
  if (refusals.length === 0) {
    for (const demand of demands) counters.set(keyOf(demand), add(counterNow(counters, demand, atMs), demand.amount));
  }
  return { refusals, standings: toStandings(demands, counters, atMs) };
}

/** Where somebody stands who asks for nothing. */
export function toStandings(demands: readonly Demand[], counters: Counters, atMs: number): readonly Standing[] {
  return demands.filter(isTold).map((demand) => {
    const counter = counterNow(counters, demand, atMs);
    return { demand, remaining: Math.max(0, demand.limit - usedAt(counter, 'minute', atMs)), emptyInMs: emptyInMs(counter, atMs) };
  });
}

/** Whether clients are told of it beside their answers. */
export function isTold({ kind }: CounterKey): boolean {
  return periodOf(kind) === 'minute';
}

/** In the period of this moment. */
export function counterNow(counters: Counters, key: CounterKey, atMs: number): Counter {
  const counter = counters.get(keyOf(key));
  if (counter === undefined) throw new TypeError(`the counter ${keyOf(key)} was not read`);
  return roll(counter, periodOf(key.kind), atMs);
}

function refuse(demand: Demand, counter: Counter, atMs: number): Refusal[] {
  const period = periodOf(demand.kind);
  if (hasRoom(counter, period, demand, atMs)) return [];
  const canHold = demand.amount <= demand.limit;
  return [{ demand, used: usedAt(counter, period, atMs), roomInMs: canHold ? roomInMs(counter, period, demand, atMs) : undefined, atMs }];
}
