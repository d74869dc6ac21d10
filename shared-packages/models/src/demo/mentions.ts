import type { CatalogueColumn } from './catalogue.ts';
import { isEmptyWord, type Question, type Span } from './question.ts';
import { findRun, toStems } from './words.ts';

export interface Mention extends Span {
  readonly column: CatalogueColumn;
}

/** What people call a column of which they do not know the name, and what such columns are named, best first. */
const ROLES = {
  price: { words: ['price', 'cost'], names: ['price', 'cost'] },
  quantity: { words: ['stock', 'quantity', 'inventory'], names: ['stock', 'on_hand', 'quantity', 'qty', 'units', 'available'] },
} as const;

export function findRole(role: keyof typeof ROLES, columns: readonly CatalogueColumn[]): CatalogueColumn | undefined {
  const numbers = columns.filter((column) => column.type === 'number');
  for (const name of ROLES[role].names) {
    const fitting = numbers.filter((column) => findRun(toStems(column.name), toStems(name)) >= 0);
    if (fitting.length === 1) return fitting[0];
  }
  return undefined;
}

/** The column that tells when, where there is no doubt which it is. */
export function findDate(columns: readonly CatalogueColumn[]): CatalogueColumn | undefined {
  const dates = columns.filter((column) => column.type === 'date');
  return dates.length === 1 ? dates[0] : undefined;
}

/** Every place that names a column, the longer name first where one holds another. */
export function findMentions(question: Question, columns: readonly CatalogueColumn[]): readonly Mention[] {
  const named = columns.flatMap((column) => question.spansOf(toStems(column.name)).map((span) => ({ ...span, column })));
  const called = Object.keys(ROLES).flatMap((role) => {
    const column = findRole(role as keyof typeof ROLES, columns);
    const words = ROLES[role as keyof typeof ROLES].words;
    return column === undefined ? [] : words.flatMap((word) => question.spansOf(toStems(word)).map((span) => ({ ...span, column })));
  });
  const dated = findDate(columns);
  const when = dated === undefined ? [] : question.spansOf(['date']).map((span) => ({ ...span, column: dated }));
  return [...named, ...called, ...when]
    .sort((left, right) => right.to - right.from - (left.to - left.from))
    .filter((mention, index, all) => all.slice(0, index).every((longer) => mention.from >= longer.to || mention.to <= longer.from))
    .sort((left, right) => left.from - right.from);
}

/** The column named right behind `place`. */
export function mentionAfter(question: Question, mentions: readonly Mention[], place: number): Mention | undefined {
  return mentions.find((mention) => mention.from >= place && isBridged(question, place, mention.from));
}

/** The column named right before `place`. */
export function mentionBefore(question: Question, mentions: readonly Mention[], place: number): Mention | undefined {
  return mentions.findLast((mention) => mention.to <= place && isBridged(question, mention.to, place));
}

/** Words that a rule has read are no gap: "quantity above 5 and below 10" names its column once. */
function isBridged(question: Question, from: number, to: number): boolean {
  return question.words
    .slice(from, to)
    .every((word, offset) => isEmptyWord(word) || !question.isUnread({ from: from + offset, to: from + offset + 1 }));
}
