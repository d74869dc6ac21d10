import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { findDate, findMentions, findRole, type Mention, mentionAfter } from './mentions.ts';
import type { Found, Question } from './question.ts';
import { toStems } from './words.ts';

type Direction = 'asc' | 'desc';

export interface Ordering {
  readonly order?: { readonly column: string; readonly direction: Direction };
  readonly limit?: number;
}

const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const COUNT = String.raw`(\d{1,3}|${NUMBERS.join('|')})`;

interface Superlative {
  readonly words: string;
  readonly direction: Direction;
  /** What it speaks of by itself; without it, of the column that is named beside it. */
  readonly about?: (columns: readonly CatalogueColumn[]) => CatalogueColumn | undefined;
}

const findPrice = (columns: readonly CatalogueColumn[]) => findRole('price', columns);
const SUPERLATIVES: readonly Superlative[] = [
  { words: 'latest|newest|most recent|last', direction: 'desc', about: findDate },
  { words: 'oldest|earliest', direction: 'asc', about: findDate },
  { words: 'cheapest|least expensive', direction: 'asc', about: findPrice },
  { words: 'priciest|most expensive', direction: 'desc', about: findPrice },
  { words: 'highest|largest|biggest|greatest|most|top', direction: 'desc' },
  { words: 'lowest|smallest|fewest|least|bottom', direction: 'asc' },
];

/** In which order a question wants its rows, and how many of them. */
export function readOrdering(question: Question, table: CatalogueTable): Ordering {
  const mentions = findMentions(question, table.columns);
  const ordering = readSuperlative(question, table, mentions) ?? readSort(question, mentions);
  if (ordering?.limit !== undefined) return ordering;
  const limit = readLimit(question, table);
  return { ...ordering, ...(limit === undefined ? {} : { limit }) };
}

function readSuperlative(question: Question, table: CatalogueTable, mentions: readonly Mention[]): Ordering | undefined {
  for (const superlative of SUPERLATIVES) {
    const pattern = String.raw`(?:\b(?:(?:top|first) )?${COUNT} )?(?<!\bat )\b(?:${superlative.words})\b(?: ${COUNT}\b)?`;
    const [found] = question.findAll(new RegExp(pattern));
    const column = found && readSubject(question, found, mentions, superlative.about?.(table.columns));
    if (found === undefined || column === undefined) continue;
    question.read(found);
    const limit = toCount(found.groups[0] ?? found.groups[1]) ?? (isPlural(question, table) ? undefined : 1);
    return { order: { column: column.name, direction: superlative.direction }, ...(limit === undefined ? {} : { limit }) };
  }
  return undefined;
}

/** What is highest or latest: what "by" says, what the word means by itself, what is named beside it. */
function readSubject(
  question: Question,
  found: Found,
  mentions: readonly Mention[],
  meant: CatalogueColumn | undefined,
): CatalogueColumn | undefined {
  const by = readBy(question, mentions);
  const beside = mentionAfter(question, mentions, found.to);
  const column = by?.mention.column ?? meant ?? beside?.column;
  if (column === undefined || column.type === 'text') return undefined;
  if (by !== undefined) question.read(by);
  if (beside?.column === column) question.read(beside);
  return column;
}

function readSort(question: Question, mentions: readonly Mention[]): Ordering | undefined {
  const by = readBy(question, mentions);
  if (by === undefined) return undefined;
  question.read(by);
  const isDescending = question.take(/\b(?:descending|desc|(?:highest|largest|newest|latest) first)\b/) !== undefined;
  if (!isDescending) question.take(/\b(?:ascending|asc|(?:lowest|smallest|oldest|earliest) first)\b/);
  return { order: { column: by.mention.column.name, direction: isDescending ? 'desc' : 'asc' } };
}

/** "Sorted by", and "by" alone, with the column behind it. */
function readBy(question: Question, mentions: readonly Mention[]): (Found & { readonly mention: Mention }) | undefined {
  for (const found of question.findAll(/\b(?:(?:sort|order|rank)(?:ed)?(?: \w+){0,2} )?by\b/)) {
    const mention = mentionAfter(question, mentions, found.to);
    if (mention !== undefined) return { ...found, to: mention.to, mention };
  }
  return undefined;
}

/** "The first 3", and "3 orders". */
function readLimit(question: Question, table: CatalogueTable): number | undefined {
  const first = question.take(new RegExp(String.raw`\bfirst ${COUNT}\b`));
  if (first !== undefined) return toCount(first.groups[0]);
  for (const name of question.spansOf(toStems(table.name))) {
    const before = { from: name.from - 1, to: name.from };
    const count = before.from >= 0 && question.isUnread(before) ? toCount(question.quote(before)) : undefined;
    if (count === undefined) continue;
    question.read(before);
    return count;
  }
  return undefined;
}

/** At most what the tool gives at once, and one less, which is kept for looking values up. */
const MAX_LIMIT = 199;

function toCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : NUMBERS.indexOf(text.toLowerCase()) + 1;
  return count === 0 ? undefined : Math.min(count, MAX_LIMIT);
}

/** "The cheapest products" are more than one. */
function isPlural(question: Question, table: CatalogueTable): boolean {
  return question.spansOf(toStems(table.name)).some(({ to }) => {
    const word = question.words[to - 1];
    return word !== undefined && word.end - word.start > word.stem.length;
  });
}
