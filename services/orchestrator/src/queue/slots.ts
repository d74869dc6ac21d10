import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';

/** How many runs a process works on at a time, by type. */
export type SlotCounts = Readonly<Record<SlotType, number>>;

/** In whose name a slot is taken: of one run, this process may have a former attempt still when it claims the next one. */
export interface SlotHolder {
  readonly runId: string;
  readonly attempt: number;
}

/** The slots of this process. One is taken in the name of an attempt, and given back once, however the attempt ends. */
export interface Slots {
  readonly size: SlotCounts;
  used(type: SlotType): number;
  free(type: SlotType): number;
  /** False when all are taken. */
  take(type: SlotType, holder: SlotHolder): boolean;
  /** Holds back up to so many for runs that are about to be claimed. @returns how many */
  reserve(type: SlotType, atMost: number): number;
  /** Gives what was reserved to these, and the rest back. */
  fill(type: SlotType, reserved: number, holders: readonly SlotHolder[]): void;
  /** Of one that has none, does nothing. */
  release(holder: SlotHolder): void;
  /** Called with the type of each slot that is given back. */
  onFree(listener: (type: SlotType) => void): void;
}

export function createSlots(size: SlotCounts): Slots {
  const taken = new Map<string, SlotType>();
  const used: Record<SlotType, number> = { cpu: 0, gpu: 0 };
  let notify: (type: SlotType) => void = () => {};

  return {
    size,
    used: (type) => used[type],
    free: (type) => size[type] - used[type],
    take(type, holder) {
      if (used[type] >= size[type] || taken.has(nameOf(holder))) return false;
      taken.set(nameOf(holder), type);
      used[type] += 1;
      return true;
    },
    reserve(type, atMost) {
      const reserved = Math.min(atMost, size[type] - used[type]);
      used[type] += reserved;
      return reserved;
    },
    fill(type, reserved, holders) {
      used[type] -= reserved - holders.length;
      for (const holder of holders) taken.set(nameOf(holder), type);
    },
    release(holder) {
      const type = taken.get(nameOf(holder));
      if (type === undefined) return;
      taken.delete(nameOf(holder));
      used[type] -= 1;
      notify(type);
    },
    onFree(listener) {
      notify = listener;
    },
  };
}

function nameOf({ runId, attempt }: SlotHolder): string {
  return `${runId}/${attempt}`;
}

const ENTRY = /^(?:(?<type>[a-z]+):)?(?<count>\d{1,4})$/;

/** `4` or `cpu:4,gpu:1`; a type that is not named has no slots. @returns what is wrong with it, in words, where it is */
export function parseSlotCounts(text: string): SlotCounts | string {
  const counts = new Map<SlotType, number>();
  for (const entry of text.split(',')) {
    const { type: name = 'cpu', count } = ENTRY.exec(entry.trim())?.groups ?? {};
    const type = SLOT_TYPES.find((known) => known === name);
    if (type === undefined || count === undefined) return 'must be a number or a list such as cpu:4,gpu:1';
    if (counts.has(type)) return `names ${type} twice`;
    counts.set(type, Number(count));
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return total === 0 ? 'must name at least one slot' : { cpu: counts.get('cpu') ?? 0, gpu: counts.get('gpu') ?? 0 };
}
