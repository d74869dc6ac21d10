import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';
import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { ClaimedRun, RunStore } from '../runs/run-store.ts';
import type { Slots } from './slots.ts';

/** Gives free slots to those who wait in the queue. Workers know nothing of each other: a new one begins to take. */
export interface Dispatcher {
  start(): void;
  /** Takes nothing more; resolves when what is being taken has been taken. */
  stop(): Promise<void>;
  /** There may be something to take: now, and not only at the next look. */
  hint(slotType: SlotType): void;
  /** Whether more waited at the last look than there were slots for: then who comes now may not overtake them. */
  hasBacklog(slotType: SlotType): boolean;
}

export interface DispatcherOptions {
  readonly runs: Pick<RunStore, 'claimQueued'>;
  readonly slots: Slots;
  readonly pollMs: number;
  /** Takes a run to the end of its attempt; never throws. The slot is given back by whoever ends the run. */
  readonly work: (claimed: ClaimedRun) => Promise<void>;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
}

export function createDispatcher({ runs, slots, pollMs, work, logger }: DispatcherOptions): Dispatcher {
  const types = SLOT_TYPES.filter((type) => slots.size[type] > 0);
  const looks = new Map<SlotType, Promise<void>>();
  const asked = new Set<SlotType>();
  const backlog = new Set<SlotType>();
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;

  /** @returns true when there may be more to take */
  async function take(type: SlotType): Promise<boolean> {
    // Where nobody is known to wait, one slot is enough to look with: requests that come meanwhile find the others free.
    const reserved = slots.reserve(type, backlog.has(type) ? Number.POSITIVE_INFINITY : 1);
    if (reserved === 0) return false;
    let claimed: readonly ClaimedRun[] = [];
    try {
      claimed = await runs.claimQueued(type, reserved);
    } finally {
      slots.fill(
        type,
        reserved,
        claimed.map(({ writer }) => writer),
      );
    }
    for (const run of claimed) void work(run).finally(() => slots.release(run.writer));
    if (claimed.length === reserved) backlog.add(type);
    else backlog.delete(type);
    return claimed.length > 0;
  }

  async function takeAll(type: SlotType): Promise<void> {
    try {
      do asked.delete(type);
      while (isRunning && ((await take(type)) || asked.has(type)));
    } catch (thrown) {
      logger.log('queue.unread', { error: thrown });
    } finally {
      looks.delete(type);
    }
  }

  function look(type: SlotType): void {
    if (!isRunning || !types.includes(type)) return;
    asked.add(type);
    if (!looks.has(type)) looks.set(type, takeAll(type));
  }

  return {
    start() {
      isRunning = true;
      slots.onFree((type) => {
        if (backlog.has(type)) look(type);
      });
      for (const type of types) look(type);
      timer = setInterval(() => {
        for (const type of types) if (slots.free(type) > 0) look(type);
      }, pollMs);
      timer.unref();
    },
    async stop() {
      isRunning = false;
      clearInterval(timer);
      await Promise.all(looks.values());
    },
    hint: look,
    hasBacklog: (type) => backlog.has(type),
  };
}
