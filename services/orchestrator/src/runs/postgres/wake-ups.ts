import { EventEmitter, once } from 'node:events';

/** Lets readers of a run learn at once of what this very process wrote into it; those of other processes look again by themselves. */
export interface WakeUps {
  wake(runId: string): void;
  wait(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export function createWakeUps(): WakeUps {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);

  return {
    wake: (runId) => emitter.emit(runId),
    async wait(runId, timeoutMs, signal) {
      const enough = new AbortController();
      const timer = setTimeout(() => enough.abort(), timeoutMs);
      try {
        await once(emitter, runId, { signal: AbortSignal.any([signal, enough.signal]) });
      } catch {
        // The time is over, or the reader has left: both are an answer.
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
