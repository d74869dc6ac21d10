import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

export interface OpenLoopOptions {
  readonly ratePerSecond: number;
  readonly turnMs: number;
  /** Sends request number `index` and resolves at the moment that is measured. */
  readonly send: (index: number) => Promise<number>;
}

/** A timer of Node fires up to a millisecond late; the last of the wait is spent awake. */
const AWAKE_MS = 1.5;

/**
 * Latencies of requests that are sent at their time, whether or not earlier ones have been answered. Each counts from
 * when it was due and not from when it was sent, so that a stall is felt by all who would have met it (no coordinated omission).
 */
export async function measureOpenLoop({ ratePerSecond, turnMs, send }: OpenLoopOptions): Promise<number[]> {
  const count = Math.round((ratePerSecond * turnMs) / 1_000);
  const startMs = performance.now() + AWAKE_MS;
  const latenciesMs: Promise<number>[] = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1_000) / ratePerSecond;
    await waitUntil(dueMs);
    latenciesMs.push(send(index).then((arrivedMs) => arrivedMs - dueMs));
  }
  return Promise.all(latenciesMs);
}

async function waitUntil(dueMs: number): Promise<void> {
  const asleepMs = Math.floor(dueMs - performance.now() - AWAKE_MS);
  if (asleepMs > 0) await sleep(asleepMs);
  while (performance.now() < dueMs) await setImmediate();
}
