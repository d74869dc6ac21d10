import type { Lifecycle } from './lifecycle.ts';
import type { ActiveRuns } from './runs/active-runs.ts';
import type { Tickets } from './runs/postgres/tickets.ts';

/** Something that goes on by itself, again and again. */
export interface Loop {
  start(): void;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void> | void;
}

/** All that goes on beside requests. */
export interface Background {
  /** Resolves when the queue can be used. */
  start(): Promise<void>;
  /** Takes nothing more out of the queue, and tells those who follow runs to go elsewhere. */
  drain(): void;
  /** Gives back the runs that are worked on, and tells those who wait for answers. */
  handOver(): Promise<void>;
  /** Ends all of it. */
  close(): Promise<void>;
}

export interface BackgroundOptions {
  readonly tickets: Tickets;
  readonly lifecycle: Lifecycle;
  readonly activeRuns: ActiveRuns;
  /** What brings in work; ended first. */
  readonly intake: readonly Loop[];
  /** What accompanies work; goes on until there is none. */
  readonly upkeep: readonly Loop[];
}

export function createBackground({ tickets, lifecycle, activeRuns, intake, upkeep }: BackgroundOptions): Background {
  return {
    async start() {
      await tickets.start();
      activeRuns.start();
      for (const loop of [...upkeep, ...intake]) loop.start();
    },
    drain() {
      lifecycle.drain();
      for (const loop of intake) void loop.stop();
    },
    handOver() {
      lifecycle.close();
      return activeRuns.stop();
    },
    async close() {
      lifecycle.drain();
      lifecycle.close();
      await Promise.all(intake.map((loop) => loop.stop()));
      await activeRuns.stop();
      await Promise.all(upkeep.map((loop) => loop.stop()));
      await tickets.stop();
    },
  };
}
