/** Gathers what is to be written while a write is under way, so that many wait for one commit. Who comes alone waits for nobody. */
export interface GroupCommit<Item, Result> {
  submit(item: Item): Promise<Result>;
}

export interface GroupCommitOptions<Item, Result> {
  /** Writes all of them, or rejects; results in the order of the items. */
  readonly flush: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** No two items of one group have the same. */
  readonly keyOf: (item: Item) => string;
  /** Whether a group that was rejected so has certainly changed nothing, so that its items may be written one by one. */
  readonly wasRefused: (thrown: unknown) => boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (reason: unknown) => void;
}

const MAX_ITEMS = 64;
/** Writes that may be under way at a time: one is prepared while the other waits for the disk. */
const LANES = 2;

export function createGroupCommit<Item, Result>({ flush, keyOf, wasRefused }: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  type Entry = Waiting<Item, Result>;
  let waiting: Entry[] = [];
  let lanesInUse = 0;
  let isScheduled = false;

  function takeGroup(): readonly Entry[] {
    const group = new Map<string, Entry>();
    const rest: Entry[] = [];
    for (const entry of waiting) {
      const key = keyOf(entry.item);
      if (group.size < MAX_ITEMS && !group.has(key)) group.set(key, entry);
      else rest.push(entry);
    }
    waiting = rest;
    return [...group.values()];
  }

  function pump(): void {
    isScheduled = false;
    while (lanesInUse < LANES && waiting.length > 0) {
      lanesInUse += 1;
      void write(takeGroup()).finally(() => {
        lanesInUse -= 1;
        pump();
      });
    }
  }

  async function write(group: readonly Entry[]): Promise<void> {
    try {
      const results = await flush(group.map(({ item }) => item));
      group.forEach(({ resolve }, index) => {
        // One result an item, by the contract of flush.
        resolve(results[index] as Result);
      });
    } catch (thrown) {
      if (group.length > 1 && wasRefused(thrown)) {
        // One bad item must not cost the others theirs.
        for (const entry of group) await write([entry]);
      } else {
        for (const { reject } of group) reject(thrown);
      }
    }
  }

  return {
    submit(item) {
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (isScheduled || lanesInUse >= LANES) return;
        isScheduled = true;
        // Requests that were read from their sockets at once go together.
        setImmediate(pump);
      });
    },
  };
}
