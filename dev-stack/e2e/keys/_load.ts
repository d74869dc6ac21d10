/** One thing that a client does again and again, each time when the last has ended. */
export interface Deed {
  readonly name: string;
  /** Throws where what came of it is not what should. */
  readonly act: () => Promise<void>;
}

export interface Load {
  readonly failures: readonly string[];
  successesOf(name: string): number;
  /** Until everything that is still done was begun, and ended, so many times from now on: nothing of before is under way then. */
  untilEachWasDone(times: number): Promise<void>;
  /** No more of these; resolves when the last has ended. */
  retire(names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Enough to keep two cores busy; more would measure how long they wait for each other. */
const CLIENTS = 4;
const MAX_FAILURES = 20;

interface Count {
  begun: number;
  ended: number;
  successes: number;
}

export function startLoad(deeds: readonly Deed[]): Load {
  const failures: string[] = [];
  const counts = new Map<string, Count>(deeds.map(({ name }) => [name, { begun: 0, ended: 0, successes: 0 }]));
  const waiting = [...deeds];
  const active = new Set(counts.keys());
  const watchers = new Set<() => void>();
  const clients = Array.from({ length: CLIENTS }, work);

  /** Deeds take turns, so that none is under way twice. */
  async function work(): Promise<void> {
    for (let deed = waiting.shift(); deed !== undefined; deed = waiting.shift()) {
      await once(deed);
      if (active.has(deed.name)) waiting.push(deed);
      for (const look of watchers) look();
    }
  }

  async function once({ name, act }: Deed): Promise<void> {
    const count = countOf(name);
    count.begun += 1;
    try {
      await act();
      count.successes += 1;
    } catch (thrown) {
      if (failures.length < MAX_FAILURES) failures.push(`${name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
    count.ended += 1;
  }

  function countOf(name: string): Count {
    const count = counts.get(name);
    if (count === undefined) throw new Error(`nobody does "${name}"`);
    return count;
  }

  async function until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => isSo() && resolve();
    watchers.add(look);
    await promise;
    watchers.delete(look);
  }

  async function retire(names: readonly string[]): Promise<void> {
    for (const name of names) active.delete(name);
    waiting.splice(0, waiting.length, ...waiting.filter(({ name }) => active.has(name)));
    await until(() => names.map(countOf).every(({ begun, ended }) => begun === ended));
  }

  return {
    failures,
    successesOf: (name) => countOf(name).successes,
    async untilEachWasDone(times) {
      const begunBefore = new Map([...counts].map(([name, { begun }]) => [name, begun]));
      await until(() => [...active].every((name) => countOf(name).ended >= (begunBefore.get(name) ?? 0) + times));
    },
    retire,
    async stop() {
      await retire([...counts.keys()]);
      await Promise.all(clients);
    },
  };
}
