import { describe, expect, it } from 'vitest';
import { createSlots, parseSlotCounts } from './slots.ts';

const first = { runId: 'run_1', attempt: 1 };
const again = { runId: 'run_1', attempt: 2 };
const other = { runId: 'run_2', attempt: 1 };

describe('slots', () => {
  it('are given out up to their number, by type', () => {
    const slots = createSlots({ cpu: 1, gpu: 1 });
    expect([slots.take('cpu', first), slots.take('cpu', other), slots.take('gpu', other)]).toEqual([true, false, true]);
    expect([slots.used('cpu'), slots.free('cpu'), slots.free('gpu')]).toEqual([1, 0, 0]);
  });

  it('are given back once, whoever gives them back again', () => {
    const slots = createSlots({ cpu: 2, gpu: 0 });
    const freed: string[] = [];
    slots.onFree((type) => freed.push(type));
    slots.take('cpu', first);
    slots.take('cpu', other);
    slots.release(first);
    slots.release(first);
    slots.release(again);
    expect([slots.used('cpu'), freed]).toEqual([1, ['cpu']]);
  });

  it('belong to an attempt: the one before gives back its own alone', () => {
    const slots = createSlots({ cpu: 2, gpu: 0 });
    slots.take('cpu', first);
    slots.fill('cpu', slots.reserve('cpu', 1), [again]);
    expect(slots.used('cpu')).toBe(2);
    slots.release(first);
    expect(slots.used('cpu')).toBe(1);
    slots.release(again);
    expect(slots.used('cpu')).toBe(0);
  });

  it('are taken once in one name', () => {
    const slots = createSlots({ cpu: 2, gpu: 0 });
    expect([slots.take('cpu', first), slots.take('cpu', first), slots.used('cpu')]).toEqual([true, false, 1]);
  });

  it('are held back for what is about to be claimed, and what is not claimed is free again', () => {
    const slots = createSlots({ cpu: 3, gpu: 0 });
    slots.take('cpu', first);
    const reserved = slots.reserve('cpu', Number.POSITIVE_INFINITY);
    expect([reserved, slots.free('cpu'), slots.take('cpu', again), slots.reserve('cpu', 1)]).toEqual([2, 0, false, 0]);
    slots.fill('cpu', reserved, [other]);
    expect(slots.free('cpu')).toBe(1);
  });
});

describe('WORKER_SLOTS', () => {
  it.each([
    ['4', { cpu: 4, gpu: 0 }],
    ['cpu:4,gpu:1', { cpu: 4, gpu: 1 }],
    ['gpu:1', { cpu: 0, gpu: 1 }],
    [' cpu:2 , gpu:0 ', { cpu: 2, gpu: 0 }],
  ])('may be %j', (text, counts) => {
    expect(parseSlotCounts(text)).toEqual(counts);
  });

  it.each([
    ['', /must be a number or a list/],
    ['four', /must be a number or a list/],
    ['tpu:1', /must be a number or a list/],
    ['cpu:-1', /must be a number or a list/],
    ['cpu:1,cpu:2', /cpu twice/],
    ['4,cpu:1', /cpu twice/],
    ['cpu:99999', /must be a number or a list/],
    ['0', /at least one/],
    ['cpu:0,gpu:0', /at least one/],
  ])('may not be %j', (text, problem) => {
    expect(parseSlotCounts(text)).toMatch(problem);
  });
});
