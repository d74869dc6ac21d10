import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@rubot/logging';
import type { Loop } from '../background.ts';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';

/** One kind of what is not kept for ever. */
export interface Pruning {
  readonly kind: string;
  /** Deletes some of what is due. */
  pruneSome(): Promise<{ readonly count: number; readonly mayBeMore: boolean }>;
}

/** Throws away what is older than it has to be, now and for ever. */
export interface Keeper extends Loop {
  /** One look at all kinds. */
  keep(): Promise<void>;
}

export interface KeeperOptions {
  readonly prunings: readonly Pruning[];
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

const INTERVAL_MS = 60_000;
/** Between two statements, so that a backlog of months is worked off beside the runs and not in front of them. */
const PAUSE_MS = 20;

export function createKeeper({ prunings, logger }: KeeperOptions): Keeper {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let look: Promise<void> = Promise.resolve();

  async function prune({ kind, pruneSome }: Pruning): Promise<void> {
    let total = 0;
    try {
      for (let mayBeMore = true; mayBeMore && !isStopped; ) {
        const pruned = await pruneSome();
        total += pruned.count;
        mayBeMore = pruned.mayBeMore;
        if (mayBeMore) await sleep(PAUSE_MS);
      }
    } catch (thrown) {
      logger.log('prune.failed', { error: thrown, extra: { kind } });
    }
    if (total > 0) logger.log('prune.completed', { extra: { kind, count: total } });
  }

  async function keep(): Promise<void> {
    for (const pruning of prunings) await prune(pruning);
  }

  function keepLater(delayMs: number): void {
    timer = setTimeout(() => {
      look = keep();
      void look.finally(() => {
        if (!isStopped) keepLater(INTERVAL_MS);
      });
    }, delayMs);
    timer.unref();
  }

  return {
    keep,
    // Processes that start together need not look together.
    start: () => keepLater(Math.random() * INTERVAL_MS),
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await look;
    },
  };
}
