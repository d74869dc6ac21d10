import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';

/** How many runs a process works on at a time, by type. */
export type SlotCounts = Readonly<Record<SlotType, number>>;

/** The slots of this process. One is taken in the name of a run, and given back once, however the run ends. */
export interface Slots {
  readonly size: SlotCounts;
  used(type: SlotType): number;
  free(type: SlotType): number;
  /** False when all are taken. */
  take(type: SlotType, runId: string): boolean;
  /** Holds back up to so many for runs that are about to be claimed. @returns how many */
  reserve(type: SlotType, atMost: number): number;
  /** Gives what was reserved to these runs, and the rest back. */
  fill(type: SlotType, reserved: number, runIds: readonly string[]): void;
  /** Of a run that has none, does nothing. */
  release(runId: string): void;
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
    take(type, runId) {
      if (used[type] >= size[type] || taken.has(runId)) return false;
      taken.set(runId, type);
      used[type] += 1;
      return true;
    },
    reserve(type, atMost) {
      const reserved = Math.min(atMost, size[type] - used[type]);
      used[type] += reserved;
      return reserved;
    },
    fill(type, reserved, runIds) {
      used[type] -= reserved - runIds.length;
      for (const runId of runIds) taken.set(runId, type);
    },
    release(runId) {
      const type = taken.get(runId);
      if (type === undefined) return;
      taken.delete(runId);
      used[type] -= 1;
      notify(type);
    },
    onFree(listener) {
      notify = listener;
    },
  };
}

const ENTRY = /^(?:(?<type>[a-z]+):)?(?<count>\d{1,4})$/;

/** `4` or `cpu:4,gpu:1`; a type that is not named has no slots. @returns what is wrong with it, in words, where it is */
export function parseSlotCounts(text: string): SlotCounts | string {
  const counts = new Map<SlotType, number>();
  for (const entry of text.split(',')) {
    const { type: name = 'cpu', count } = ENTRY.exec(entry.trim())?.groups ?? {};
    const type = SLOT_TYPES.find((known) => known === name);
    if (type === undefined || count === undefined) return `must be a number or a list such as cpu:4,gpu:1; "${entry}" is neither`;
    if (counts.has(type)) return `names ${type} twice`;
    counts.set(type, Number(count));
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return total === 0 ? 'must name at least one slot' : { cpu: counts.get('cpu') ?? 0, gpu: counts.get('gpu') ?? 0 };
}
