import type { RunningPostgres } from '@rubot/testkit/postgres/start-postgres';
import type { Random } from './random.ts';
import { startWorld, type World, type WorldOptions } from './world/start-world.ts';

/** How much of each attack: how many kills, how many runs. */
export type Counts = Readonly<Record<string, number>>;

/** One way in which the world goes wrong, and what must hold all the same. */
export interface Nemesis<Own extends Counts = Counts> {
  readonly name: string;
  /** What it tries to show wrong. */
  readonly promise: string;
  /** Enough to find what is broken; a part of the tests, where it takes seconds. */
  readonly short?: Own;
  /** Enough to stand for the promise. */
  readonly long: Own;
  strike(arena: Arena, counts: Own): Promise<Findings>;
}

/** Where a nemesis strikes. */
export interface Arena {
  readonly postgres: RunningPostgres;
  readonly random: Random;
  /** The orchestrator that is put to the test. */
  readonly entry: URL;
  /** Told how far the attack has come. */
  readonly onProgress: (done: number, total: number) => void;
}

export interface Findings {
  /** Nothing, where the promise was kept. */
  readonly violations: readonly string[];
  /** What was reached: a promise that nothing has tried is not kept. */
  readonly figures: Readonly<Record<string, number | string>>;
}

export async function withWorld<Result>(
  arena: Arena,
  options: Omit<WorldOptions, 'postgres' | 'random' | 'entry'>,
  use: (world: World) => Promise<Result>,
): Promise<Result> {
  const world = await startWorld({ ...options, ...arena });
  try {
    return await use(world);
  } finally {
    await world.close();
  }
}
