import { MAX_NAME_CHARACTERS } from './limits.ts';

/**
 * The one spelling of a table's or a column's name: "Reorder Level" and "reorder-level" are `reorder_level`. Letters
 * of every script stay. `undefined` when nothing is left or too much.
 */
export function toName(text: string): string | undefined {
  const name = text
    .normalize('NFKC')
    .toLowerCase()
    // Again, as lower case takes some letters apart: a name must be found by itself.
    .normalize('NFKC')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
  return name === '' || name.length > MAX_NAME_CHARACTERS ? undefined : name;
}

/** Names for the columns of a file: what has no name is called by its place, what has a taken one is numbered. */
export function toColumnNames(headers: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return headers.map((header, index) => {
    const wanted = toName(header.slice(0, MAX_NAME_CHARACTERS)) ?? `column_${index + 1}`;
    const name = firstFree(wanted, taken);
    taken.add(name);
    return name;
  });
}

function firstFree(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number += 1) {
    const suffix = `_${number}`;
    const candidate = `${wanted.slice(0, MAX_NAME_CHARACTERS - suffix.length)}${suffix}`;
    if (!taken.has(candidate)) return candidate;
  }
}
