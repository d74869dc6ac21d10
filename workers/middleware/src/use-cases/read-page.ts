/** A type, as an interface would not pass for the loose shapes on the wire. */
type Page<Item> = {
  readonly object: 'list';
  readonly data: Item[];
  readonly next_cursor?: string;
};

/** One page of a list, and where the next begins. `read` is asked for one item more: it tells whether there is a next page. */
export async function readPage<Item>(
  limit: number,
  read: (limit: number) => Promise<readonly Item[]>,
  cursorOf: (item: Item) => string,
): Promise<Page<Item>> {
  const found = await read(limit + 1);
  const data = found.slice(0, limit);
  const last = data.at(-1);
  return { object: 'list', data, ...(found.length > limit && last !== undefined ? { next_cursor: cursorOf(last) } : {}) };
}
