import { EventEmitter, once } from 'node:events';
import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';

/**
 * Lets those who wait for a run know that something was written into it: at once of what this very process wrote, and after
 * a moment of what another one did. However many wait, one small statement looks for all of them.
 */
export interface RunWatch {
  wake(runId: string): void;
  /** Resolves when something was written, or the time is over, or the signal aborts. */
  wait(runId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export interface RunWatchOptions {
  readonly db: Pick<Database, 'execute'>;
  readonly intervalMs: number;
}

export function createRunWatch({ db, intervalMs }: RunWatchOptions): RunWatch {
  const emitter = new EventEmitter();
  emitter.setMaxListeners(0);
  const knownSeqs = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;

  async function look(): Promise<void> {
    const runIds = emitter.eventNames() as string[];
    for (const runId of knownSeqs.keys()) if (emitter.listenerCount(runId) === 0) knownSeqs.delete(runId);
    if (runIds.length === 0) return;
    const { rows } = await db.execute<{ run_id: string; last_seq: number }>(
      sql`SELECT run_id, last_seq FROM runs WHERE run_id = ANY(${sql.param(runIds)}::text[])`,
    );
    for (const { run_id: runId, last_seq: lastSeq } of rows) {
      if (knownSeqs.get(runId) === lastSeq) continue;
      knownSeqs.set(runId, lastSeq);
      emitter.emit(runId);
    }
  }

  function lookSoon(): void {
    if (timer !== undefined) return;
    timer = setTimeout(() => {
      // Whoever waits looks by itself when its time is over, also while the database is away.
      void look()
        .catch(() => {})
        .finally(() => {
          timer = undefined;
          if (emitter.eventNames().length > 0) lookSoon();
        });
    }, intervalMs);
    timer.unref();
  }

  return {
    wake: (runId) => emitter.emit(runId),
    async wait(runId, timeoutMs, signal) {
      const enough = new AbortController();
      const timeout = setTimeout(() => enough.abort(), timeoutMs);
      lookSoon();
      try {
        await once(emitter, runId, { signal: AbortSignal.any([signal, enough.signal]) });
      } catch {
        // The time is over, or the reader has left: both are an answer.
      } finally {
        clearTimeout(timeout);
      }
    },
  };
}
