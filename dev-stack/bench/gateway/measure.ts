import { type RoundPlan, takeTurns } from '../measures/take-turns.ts';
import { percentile, type Spread, toPairedSpread, toSpread } from '../statistics.ts';
import { type ChunkFidelity, measureChunkFidelity } from './chunk-fidelity.ts';
import { type LatencyOptions, type LatencyTurn, measureFirstToken, measureLatency } from './latency.ts';
import type { GatewayPlan } from './plan.ts';
import { type RunningTargets, TARGET_NAMES, type TargetName } from './start-targets.ts';
import { measureThroughput, type ThroughputTurn } from './throughput.ts';

/** A target, or the gateway under requests of which each begins a session. */
export type ThroughputSubject = TargetName | 'gateway, new sessions';

export interface ThroughputResult {
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number | undefined;
  /** Against the bare Worker, round by round; over 1 is more requests. */
  readonly ratio: Spread;
}

export interface LatencyResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Beyond the bare Worker's, round by round. */
  readonly addedP50Ms: Spread;
  readonly addedP99Ms: Spread;
}

export interface BenchResult {
  readonly whole: Record<ThroughputSubject, ThroughputResult>;
  readonly streamed: Record<TargetName, ThroughputResult>;
  readonly latency: Record<TargetName, LatencyResult>;
  readonly firstToken: Record<TargetName, LatencyResult>;
  readonly chunks: Record<TargetName, ChunkFidelity>;
  /** Shows that logging was on while the gateway was measured. */
  readonly logLinesPerRequest: number;
}

const THROUGHPUT_SUBJECTS: readonly ThroughputSubject[] = [...TARGET_NAMES, 'gateway, new sessions'];

export async function measureAll(running: RunningTargets, plan: GatewayPlan): Promise<BenchResult> {
  await warmUp(running, plan.warmUpMs);
  await running.takeLogLines();
  const whole = await takeTurns(THROUGHPUT_SUBJECTS, plan.throughput, (subject, turnMs) => measureWhole(running, subject, turnMs));
  const gatewayTurns = [...whole.gateway, ...whole['gateway, new sessions']];
  const logLinesPerRequest = (await running.takeLogLines()) / gatewayTurns.reduce((sum, turn) => sum + turn.requests, 0);
  const streamed = await takeTurns(TARGET_NAMES, plan.streams, (name, turnMs) => measureBurst(running, name, turnMs));
  return {
    whole: toThroughputResults(whole),
    streamed: toThroughputResults(streamed),
    latency: await measureLatencies(running, plan.latency, measureLatency),
    firstToken: await measureLatencies(running, plan.firstToken, measureFirstToken),
    chunks: {
      upstream: await measureChunkFidelity(running.targets.upstream),
      'pass-through': await measureChunkFidelity(running.targets['pass-through']),
      gateway: await measureChunkFidelity(running.targets.gateway),
    },
    logLinesPerRequest,
  };
}

/** Until the runtimes have compiled what is hot. */
async function warmUp(running: RunningTargets, turnMs: number): Promise<void> {
  for (const name of TARGET_NAMES) {
    await measureWhole(running, name, turnMs);
    await measureBurst(running, name, turnMs / 2);
  }
}

function measureWhole({ targets }: RunningTargets, subject: ThroughputSubject, turnMs: number): Promise<ThroughputTurn> {
  const isNew = subject === 'gateway, new sessions';
  const target = targets[isNew ? 'gateway' : subject];
  return measureThroughput({ target, kind: 'whole', turnMs, sessions: isNew ? 'new' : 'known' });
}

function measureBurst({ targets }: RunningTargets, name: TargetName, turnMs: number): Promise<ThroughputTurn> {
  return measureThroughput({ target: targets[name], kind: 'burst', turnMs, sessions: 'known' });
}

async function measureLatencies(
  { targets }: RunningTargets,
  plan: RoundPlan,
  measure: (options: LatencyOptions) => Promise<LatencyTurn>,
): Promise<Record<TargetName, LatencyResult>> {
  const turns = await takeTurns(TARGET_NAMES, plan, (name, turnMs) => measure({ target: targets[name], turnMs }));
  return mapValues(turns, (own) => ({
    p50Ms: percentile(toSeries(own, 'p50Ms'), 50),
    p99Ms: percentile(toSeries(own, 'p99Ms'), 50),
    addedP50Ms: toPairedSpread(toSeries(own, 'p50Ms'), toSeries(turns['pass-through'], 'p50Ms'), subtract),
    addedP99Ms: toPairedSpread(toSeries(own, 'p99Ms'), toSeries(turns['pass-through'], 'p99Ms'), subtract),
  }));
}

function toSeries<Key extends string>(turns: readonly Record<Key, number>[], key: Key): number[] {
  return turns.map((turn) => turn[key]);
}

function toThroughputResults<Subject extends string>(
  turns: Record<Subject | 'pass-through', ThroughputTurn[]>,
): Record<Subject | 'pass-through', ThroughputResult> {
  const bare = turns['pass-through'].map((turn) => turn.requestsPerSecond);
  return mapValues(turns, (own) => {
    const rates = own.map((turn) => turn.requestsPerSecond);
    const costs = own.flatMap((turn) => turn.cpuMicrosecondsPerRequest ?? []);
    return {
      requestsPerSecond: toSpread(rates).median,
      cpuMicrosecondsPerRequest: costs.length === 0 ? undefined : percentile(costs, 50),
      ratio: toPairedSpread(rates, bare, divide),
    };
  });
}

function mapValues<Key extends string, Value, Mapped>(record: Record<Key, Value>, map: (value: Value) => Mapped): Record<Key, Mapped> {
  const entries = Object.entries(record) as [Key, Value][];
  return Object.fromEntries(entries.map(([key, value]) => [key, map(value)])) as Record<Key, Mapped>;
}

function divide(left: number, right: number): number {
  return left / right;
}

function subtract(left: number, right: number): number {
  return left - right;
}
