import { type ClosedLoop, measureClosedLoop } from '../measures/closed-loop.ts';
import { takeTurns } from '../measures/take-turns.ts';
import { percentile, type Spread, toPairedSpread, toSpread } from '../statistics.ts';
import { type Account, type Cost, openAccount, PAYERS, type Payer } from './account.ts';
import type { AnswerKind } from './answers.ts';
import { CONCURRENCY, measureCompletions, openRunCount, type RunCount } from './completions.ts';
import { measureFirstToken } from './first-token.ts';
import { type OwnQueue, openOwnQueue } from './own-queue.ts';
import type { DurablePlan } from './plan.ts';
import { openRawQueue, type RawQueue } from './raw-queue.ts';
import { openRawSql, type RawSql } from './raw-sql.ts';
import { type DurableStack, ENTRANCES, type Entrance, LOADS } from './start-stack.ts';

export const COMPLETION_SUBJECTS = [...LOADS, 'raw SQL'] as const;
export type CompletionSubject = (typeof COMPLETION_SUBJECTS)[number];

export interface CompletionResult {
  readonly perSecond: Spread;
  /** Against raw SQL, round by round; over 1 is more. */
  readonly ratio: Spread;
  readonly cpuMs: Readonly<Record<Payer, number>> | undefined;
  readonly walBytes: number;
}

export interface FirstTokenResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly streams: number;
}

export const QUEUE_SUBJECTS = ['raw pg-boss', 'queue of runs'] as const;
export type QueueSubject = (typeof QUEUE_SUBJECTS)[number];

export interface QueueResult {
  readonly perSecond: Readonly<Record<QueueSubject, Spread>>;
  /** Runs against raw jobs, round by round; over 1 is more runs. */
  readonly ratio: Spread;
  /** At half of the runs a second that it can. */
  readonly start: { readonly ratePerSecond: number; readonly p50Ms: number; readonly p99Ms: number };
}

export interface DurableResult {
  readonly completions: Readonly<Record<CompletionSubject, CompletionResult>>;
  /** Completions with limits against those without, round by round. */
  readonly limitsRatio: Spread;
  readonly firstToken: Readonly<Record<AnswerKind, Readonly<Record<Entrance, FirstTokenResult>>>>;
  readonly queue: QueueResult;
}

/** All that is measured, opened once, so that rounds can alternate. */
interface Bench {
  readonly stack: DurableStack;
  readonly runs: RunCount;
  readonly rawSql: RawSql;
  readonly rawQueue: RawQueue;
  readonly ownQueue: OwnQueue;
  readonly account: Account;
}

export async function measureDurable(stack: DurableStack, plan: DurablePlan): Promise<DurableResult> {
  const [rawSql, rawQueue, ownQueue] = await Promise.all([
    stack.createDatabase('raw_sql').then(openRawSql),
    stack.createDatabase('raw_queue').then(openRawQueue),
    stack.createDatabase('own_queue').then(openOwnQueue),
  ]);
  const runs = openRunCount(stack.databaseUrl);
  const account = openAccount(stack.databaseUrl, stack.processIds);
  const bench: Bench = { stack, runs, rawSql, rawQueue, ownQueue, account };
  try {
    await warmUp(bench, plan.warmUpMs);
    const turns = await takeTurns(COMPLETION_SUBJECTS, plan.completions, (subject, turnMs) =>
      account.charge(() => completeFrom(bench, subject, turnMs)),
    );
    return {
      completions: toCompletionResults(turns),
      limitsRatio: toPairedSpread(turns['with limits'].map(toRate), turns['orchestrator alone'].map(toRate), divide),
      firstToken: { instant: await measureFirstTokens(bench, 'instant', plan), paced: await measureFirstTokens(bench, 'paced', plan) },
      queue: await measureQueue(bench, plan),
    };
  } finally {
    await Promise.all([rawSql, rawQueue, ownQueue, runs, account].map((opened) => opened.close()));
  }
}

/** Until the runtimes have compiled what is hot, and connections are there. */
async function warmUp(bench: Bench, turnMs: number): Promise<void> {
  for (const subject of COMPLETION_SUBJECTS) await completeFrom(bench, subject, subject === 'raw SQL' ? turnMs / 4 : turnMs);
  await measureFirstToken(bench.stack.targets['whole path'], 'paced', turnMs / 4);
  for (const subject of QUEUE_SUBJECTS) await queueOf(bench, subject).measure(turnMs / 4);
}

function completeFrom({ stack, runs, rawSql }: Bench, subject: CompletionSubject, turnMs: number): Promise<ClosedLoop> {
  if (subject !== 'raw SQL') return measureCompletions(stack.targets[subject], turnMs, runs);
  return measureClosedLoop({ concurrency: CONCURRENCY, turnMs, work: () => rawSql.complete() });
}

async function measureFirstTokens({ stack }: Bench, kind: AnswerKind, plan: DurablePlan): Promise<Record<Entrance, FirstTokenResult>> {
  const turns = await takeTurns(ENTRANCES, plan.firstToken, (entrance, turnMs) => measureFirstToken(stack.targets[entrance], kind, turnMs));
  return mapValues(turns, (own) => {
    const latenciesMs = own.flat();
    return { p50Ms: percentile(latenciesMs, 50), p99Ms: percentile(latenciesMs, 99), streams: latenciesMs.length };
  });
}

function queueOf({ rawQueue, ownQueue }: Bench, subject: QueueSubject): RawQueue {
  return subject === 'raw pg-boss' ? rawQueue : ownQueue;
}

async function measureQueue(bench: Bench, plan: DurablePlan): Promise<QueueResult> {
  const turns = await takeTurns(QUEUE_SUBJECTS, plan.queue, (subject, turnMs) => queueOf(bench, subject).measure(turnMs));
  const rates = mapValues(turns, (own) => own.map(({ perSecond }) => perSecond));
  const perSecond = mapValues(rates, toSpread);
  const ratePerSecond = perSecond['queue of runs'].median / 2;
  const latenciesMs = await bench.ownQueue.measureStart(ratePerSecond, plan.queue.rounds * plan.queue.turnMs);
  return {
    perSecond,
    ratio: toPairedSpread(rates['queue of runs'], rates['raw pg-boss'], divide),
    start: { ratePerSecond, p50Ms: percentile(latenciesMs, 50), p99Ms: percentile(latenciesMs, 99) },
  };
}

type ChargedTurn = ClosedLoop & { readonly cost: Cost };

function toCompletionResults(turns: Record<CompletionSubject, ChargedTurn[]>): Record<CompletionSubject, CompletionResult> {
  const raw = turns['raw SQL'].map(toRate);
  return mapValues(turns, (own) => {
    const rates = own.map(toRate);
    return {
      perSecond: toSpread(rates),
      ratio: toPairedSpread(rates, raw, divide),
      cpuMs: toMedianCpuTimes(own.flatMap(({ cost }) => cost.cpuMs ?? [])),
      walBytes: medianOf(own.map(({ cost }) => cost.walBytes)),
    };
  });
}

function toMedianCpuTimes(turns: readonly Readonly<Record<Payer, number>>[]): Readonly<Record<Payer, number>> | undefined {
  if (turns.length === 0) return undefined;
  return Object.fromEntries(PAYERS.map((payer) => [payer, medianOf(turns.map((turn) => turn[payer]))])) as Record<Payer, number>;
}

function toRate({ perSecond }: ClosedLoop): number {
  return perSecond;
}

function divide(left: number, right: number): number {
  return left / right;
}

function medianOf(values: readonly number[]): number {
  return percentile(values, 50);
}

function mapValues<Key extends string, Value, Mapped>(record: Record<Key, Value>, map: (value: Value) => Mapped): Record<Key, Mapped> {
  const entries = Object.entries(record) as [Key, Value][];
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value)])) as Record<Key, Mapped>;
}
