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

interface Running {
  readonly name: string;
  successes: number;
  isRetired: boolean;
  readonly ended: Promise<unknown>;
}

interface Watcher {
  readonly since: number;
  readonly counts: Map<string, number>;
  readonly times: number;
  readonly done: PromiseWithResolvers<void>;
}

const MAX_FAILURES = 20;

export function startLoad(deeds: readonly Deed[]): Load {
  const failures: string[] = [];
  const watchers = new Set<Watcher>();
  let clock = 0;
  const all = new Map(deeds.map((deed) => [deed.name, begin(deed)]));

  function begin({ name, act }: Deed): Running {
    const state = { name, successes: 0, isRetired: false };

    async function repeat(): Promise<void> {
      // The others are begun first.
      await Promise.resolve();
      while (!state.isRetired) await once(state, act);
    }

    return Object.assign(state, { ended: repeat() });
  }

  async function once(state: Pick<Running, 'name' | 'successes'>, act: Deed['act']): Promise<void> {
    clock += 1;
    const begunAt = clock;
    try {
      await act();
      state.successes += 1;
    } catch (thrown) {
      if (failures.length < MAX_FAILURES) failures.push(`${state.name}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    }
    for (const watcher of watchers) {
      if (begunAt > watcher.since) watcher.counts.set(state.name, (watcher.counts.get(state.name) ?? 0) + 1);
    }
    settle();
  }

  function settle(): void {
    const active = [...all.values()].filter(({ isRetired }) => !isRetired);
    for (const watcher of watchers) {
      if (!active.every(({ name }) => (watcher.counts.get(name) ?? 0) >= watcher.times)) continue;
      watchers.delete(watcher);
      watcher.done.resolve();
    }
  }

  function find(name: string): Running {
    const found = all.get(name);
    if (found === undefined) throw new Error(`nobody does "${name}"`);
    return found;
  }

  async function retire(names: readonly string[]): Promise<void> {
    const retired = names.map(find);
    for (const state of retired) state.isRetired = true;
    await Promise.all(retired.map(({ ended }) => ended));
    settle();
  }

  return {
    failures,
    successesOf: (name) => find(name).successes,
    async untilEachWasDone(times) {
      const watcher: Watcher = { since: clock, counts: new Map(), times, done: Promise.withResolvers() };
      watchers.add(watcher);
      await watcher.done.promise;
    },
    retire,
    stop: () => retire([...all.keys()]),
  };
}
