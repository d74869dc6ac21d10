/** What came of many requests of one kind. */
export interface Tally {
  readonly statuses: Readonly<Record<string, number>>;
  /** What was let in and should not have been, or failed of itself: shown, so that it can be tried again. */
  readonly wrong: readonly string[];
}

export interface CrowdOptions<Item> {
  readonly items: Iterable<Item>;
  readonly ask: (item: Item) => Promise<Response>;
  readonly isRight: (response: Response, item: Item) => boolean;
  readonly describe: (item: Item) => string;
  /** Requests at a time. */
  readonly width?: number;
}

const MAX_SHOWN = 10;

/** Asks for each item, several at a time, and reads every answer to its end. */
export async function askCrowd<Item>({ items, ask, isRight, describe, width = 16 }: CrowdOptions<Item>): Promise<Tally> {
  const statuses: Record<string, number> = {};
  const wrong: string[] = [];
  const waiting = items[Symbol.iterator]();

  async function work(): Promise<void> {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      const response = await ask(next.value);
      const text = await response.text();
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      if (isRight(response, next.value) || wrong.length >= MAX_SHOWN) continue;
      wrong.push(`${response.status} ${text.slice(0, 300)} for ${describe(next.value)}`);
    }
  }

  await Promise.all(Array.from({ length: width }, work));
  return { statuses, wrong };
}
