import type { QueueFigures } from '../runs/postgres/queue-figures.ts';
import type { ReadFigures } from './cluster-gauges.ts';

const KEPT_MS = 1_000;
/** Less than a scraper waits, so that a database that hangs costs its own figures and no others. */
const TIMEOUT_MS = 2_000;

/** Asks once a moment, however many ask: whoever scrapes, and how often, costs the database nothing. */
export function createFiguresReader(read: () => Promise<QueueFigures>): ReadFigures {
  let asked: ReturnType<ReadFigures> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;

  async function ask(): Promise<QueueFigures | undefined> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
    try {
      return await Promise.race([read(), late]);
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  return function readFigures() {
    if (asked === undefined || performance.now() - askedAtMs >= KEPT_MS) {
      askedAtMs = performance.now();
      asked = ask();
    }
    return asked;
  };
}
