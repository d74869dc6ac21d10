/** These carry no topic, so they choose no table, tool or agent. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  'a an and are as at be by can could do does did for from has have how i in is it its list me my of on or our please show tell than that the their them there these they this to us was we were what which who will with would you your'.split(
    ' ',
  ),
);

export interface Word {
  readonly stem: string;
  /** Where it stands in the text. */
  readonly start: number;
  readonly end: number;
}

/** Signs count as words, since `!=` or `%` changes what is asked. */
const WORD = /[\p{L}\p{M}\p{N}]+|!=|[<>=≠≤≥%+*/^~|&]/gu;

/** The words of a text where they stand, without their plural, so that "products" finds the table `product`. */
export function readWords(text: string): readonly Word[] {
  return [...text.matchAll(WORD)].map(({ 0: word, index }) => ({
    stem: stem(word.toLowerCase()),
    start: index,
    end: index + word.length,
  }));
}

/** Lower-case words; `reorder_level` and `reorderLevel` are two each. */
export function toWords(text: string): readonly string[] {
  const apart = text.replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2').toLowerCase();
  return apart.match(WORD) ?? [];
}

export function toStems(text: string): readonly string[] {
  return toWords(text).map(stem);
}

/** The stems that carry a meaning. */
export function toKeywords(text: string): ReadonlySet<string> {
  return new Set(
    toWords(text)
      .filter((word) => !STOP_WORDS.has(word))
      .map(stem),
  );
}

export function countShared(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let count = 0;
  for (const word of left) if (right.has(word)) count += 1;
  return count;
}

/** Where the words `wanted` stand side by side in `stems`; -1 when they do not. */
export function findRun(stems: readonly string[], wanted: readonly string[]): number {
  if (wanted.length === 0) return -1;
  return stems.findIndex((_, start) => wanted.every((word, offset) => stems[start + offset] === word));
}

function stem(word: string): string {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.length > 4 && /(?:ss|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (word.length > 3 && word.endsWith('s') && !/(?:ss|us|is)$/.test(word)) return word.slice(0, -1);
  return word;
}
