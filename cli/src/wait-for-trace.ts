import { setTimeout } from 'node:timers/promises';
import { type CompletenessOptions, checkCompleteness } from '@rubot/traces/check-completeness';
import { loadTrace } from '@rubot/traces/source';
import type { Trace } from '@rubot/traces/trace';
import type { PolledSource } from './choose-source.ts';

export interface WaitOptions extends CompletenessOptions {
  /** 0 looks once. */
  readonly timeoutMs: number;
}

/** The trace as soon as nothing of it is missing, or as it is when the time is up. Lines travel for seconds, or minutes with some drains. */
export async function waitForTrace(source: PolledSource, id: string, { timeoutMs, ...rules }: WaitOptions): Promise<Trace | undefined> {
  const endsAtMs = Date.now() + timeoutMs;
  for (;;) {
    const trace = await loadTrace(source, id);
    const isComplete = trace !== undefined && checkCompleteness(trace, rules).length === 0;
    if (isComplete || Date.now() + source.pollIntervalMs > endsAtMs) return trace;
    await setTimeout(source.pollIntervalMs);
  }
}
