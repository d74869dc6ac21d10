import { setTimeout as sleep } from 'node:timers/promises';
import { measureClosedLoop } from '../measures/closed-loop.ts';
import { createCompletionClient } from '../measures/post-completion.ts';
import type { Target } from '../targets/target.ts';
import { type AnswerKind, PACE_MS, PACED_TOKENS, toDurableBody } from './answers.ts';
import { CONCURRENCY } from './completions.ts';

/** Times to the first token while as many streams are open as there are clients; each client reads one after the other. */
export async function measureFirstToken(target: Target, kind: AnswerKind, turnMs: number): Promise<number[]> {
  const client = createCompletionClient(target);
  const body = toDurableBody(kind, { stream: true });
  const begun = new Set<number>();
  const latenciesMs: number[] = [];

  async function readStream(worker: number): Promise<void> {
    const isFirst = !begun.has(worker);
    begun.add(worker);
    // Spread over the time that one takes, as people do not all ask in the same moment.
    if (isFirst) await sleep((worker * PACE_MS * PACED_TOKENS) / CONCURRENCY);
    const startMs = performance.now();
    let firstTokenMs: number | undefined;
    await client.post(body, worker, () => {
      firstTokenMs ??= performance.now();
    });
    if (firstTokenMs === undefined) throw new Error('a stream ended without a token');
    // During a client's first, others have not begun.
    if (!isFirst) latenciesMs.push(firstTokenMs - startMs);
  }

  try {
    await measureClosedLoop({ concurrency: CONCURRENCY, turnMs, work: readStream });
    return latenciesMs;
  } finally {
    await client.close();
  }
}
