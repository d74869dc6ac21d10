import { measureOpenLoop } from '../measures/open-loop.ts';
import { type CompletionClient, createCompletionClient } from '../measures/post-completion.ts';
import { percentile } from '../statistics.ts';
import type { Target } from '../targets/target.ts';
import { toGatewayBody } from './answers.ts';

export const REQUESTS_PER_SECOND = 200;
export const STREAMS_PER_SECOND = 100;
const SESSIONS = 64;

export interface LatencyTurn {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LatencyOptions {
  readonly target: Target;
  readonly turnMs: number;
}

/** Time to the whole of an answer, at a fixed rate. */
export function measureLatency(options: LatencyOptions): Promise<LatencyTurn> {
  return measureAtRate(options, REQUESTS_PER_SECOND, async (client, index) => {
    await client.post(toGatewayBody('whole'), index % SESSIONS, () => {});
    return performance.now();
  });
}

/** Time to the first token of a streamed answer, at a fixed rate. */
export function measureFirstToken(options: LatencyOptions): Promise<LatencyTurn> {
  return measureAtRate(options, STREAMS_PER_SECOND, async (client, index) => {
    let firstTokenMs: number | undefined;
    await client.post(toGatewayBody('firstToken'), index % SESSIONS, () => {
      firstTokenMs ??= performance.now();
    });
    if (firstTokenMs === undefined) throw new Error('a stream ended without a token');
    return firstTokenMs;
  });
}

async function measureAtRate(
  { target, turnMs }: LatencyOptions,
  ratePerSecond: number,
  send: (client: CompletionClient, index: number) => Promise<number>,
): Promise<LatencyTurn> {
  const client = createCompletionClient(target);
  try {
    // Connections are made before, as clients keep theirs.
    await Promise.all(Array.from({ length: 8 }, (_, index) => send(client, index)));
    const latenciesMs = await measureOpenLoop({ ratePerSecond, turnMs, send: (index) => send(client, index) });
    return { p50Ms: percentile(latenciesMs, 50), p99Ms: percentile(latenciesMs, 99) };
  } finally {
    await client.close();
  }
}
