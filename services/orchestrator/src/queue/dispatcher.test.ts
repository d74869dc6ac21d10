import { createLogger } from '@rubot/logging';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { ClaimedRun } from '../runs/run-store.ts';
import { createDispatcher, type Dispatcher } from './dispatcher.ts';
import { createSlots, type Slots } from './slots.ts';

interface World {
  readonly dispatcher: Dispatcher;
  readonly slots: Slots;
  /** Names of the runs that wait. */
  readonly line: string[];
  /** How many were asked for, by each look. */
  readonly looks: number[];
  readonly begun: string[];
  readonly events: string[];
  end(runId: string): Promise<void>;
}

let world: World;
afterEach(() => world.dispatcher.stop());

/** A store that has a line in memory, and work that ends when it is told to. */
function createWorld({
  slotCount = 2,
  pollMs = 3_600_000,
  fails = () => false,
}: Partial<Record<'slotCount' | 'pollMs', number>> & { fails?: () => boolean } = {}): World {
  const line: string[] = [];
  const looks: number[] = [];
  const begun: string[] = [];
  const events: string[] = [];
  const working = new Map<string, () => void>();
  const slots = createSlots({ cpu: slotCount, gpu: 0 });
  const logger = createLogger({
    source: { service: 'test', environment: 'test', deploymentHash: 'test', level: 'debug' },
    events: ORCHESTRATOR_EVENTS,
    sink: ({ event_type }) => events.push(event_type),
  });
  const dispatcher = createDispatcher({
    runs: {
      async claimQueued(_type, limit) {
        looks.push(limit);
        await Promise.resolve();
        if (fails()) throw new Error('away');
        return line.splice(0, limit).map((runId) => ({ runId, writer: { runId, attempt: 1 } }) as unknown as ClaimedRun);
      },
    },
    slots,
    pollMs,
    logger,
    work({ runId }) {
      begun.push(runId);
      return new Promise((resolve) => working.set(runId, resolve));
    },
  });
  world = {
    dispatcher,
    slots,
    line,
    looks,
    begun,
    events,
    end(runId) {
      working.get(runId)?.();
      return settle();
    },
  };
  return world;
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a dispatcher', () => {
  it('takes as many as it has slots, in the order of the line, and the next when one is free', async () => {
    const { dispatcher, line, begun, end, slots } = createWorld();
    line.push('a', 'b', 'c', 'd');
    dispatcher.start();
    await settle();
    expect([begun, slots.free('cpu')]).toEqual([['a', 'b'], 0]);
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('looks with one slot where nobody is known to wait, so that the others stay free for who comes', async () => {
    const { dispatcher, line, looks, slots } = createWorld({ slotCount: 4 });
    dispatcher.start();
    await settle();
    expect([looks, slots.free('cpu')]).toEqual([[1], 4]);
    line.push('a', 'b', 'c');
    dispatcher.hint('cpu');
    await settle();
    expect(looks).toEqual([1, 1, 3, 1]);
    expect(slots.free('cpu')).toBe(1);
  });

  it('knows that others wait while its slots are full, and that nobody does once the line is empty', async () => {
    const { dispatcher, line, end } = createWorld({ slotCount: 1 });
    line.push('a', 'b');
    dispatcher.start();
    await settle();
    expect(dispatcher.hasBacklog('cpu')).toBe(true);
    await end('a');
    await end('b');
    expect(dispatcher.hasBacklog('cpu')).toBe(false);
  });

  it('forgets no hint that comes while it looks', async () => {
    const { dispatcher, line, begun } = createWorld();
    dispatcher.start();
    line.push('a');
    dispatcher.hint('cpu');
    await settle();
    expect(begun).toEqual(['a']);
  });

  it('looks for nothing of a kind that it has no slots for', async () => {
    const { dispatcher, looks } = createWorld();
    dispatcher.start();
    await settle();
    dispatcher.hint('gpu');
    await settle();
    expect(looks).toHaveLength(1);
  });

  it('gives back the slots that it held while the store is away, says so, and tries again', async () => {
    let isAway = true;
    const { dispatcher, line, begun, slots, events } = createWorld({ pollMs: 10, fails: () => isAway });
    line.push('a');
    dispatcher.start();
    await vi.waitFor(() => expect(events).toContain('queue.unread'));
    expect(slots.free('cpu')).toBe(2);
    isAway = false;
    await vi.waitFor(() => expect(begun).toEqual(['a']));
  });

  it('takes nothing more once it is stopped, and has then taken what it was taking', async () => {
    const { dispatcher, line, begun, end } = createWorld({ slotCount: 1, pollMs: 5 });
    line.push('a', 'b');
    dispatcher.start();
    await dispatcher.stop();
    expect(begun).toEqual(['a']);
    await end('a');
    dispatcher.hint('cpu');
    await settle();
    expect([begun, line]).toEqual([['a'], ['b']]);
  });
});
