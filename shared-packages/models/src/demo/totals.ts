import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { findMentions, mentionAfter } from './mentions.ts';
import type { Question } from './question.ts';
import { toStems } from './words.ts';

export interface Total {
  readonly function: 'count' | 'count_distinct' | 'sum' | 'avg';
  /** Without it, rows are counted. */
  readonly column?: string;
}

const OVER_NUMBERS = [
  [/\b(?:average|mean)\b/, 'avg'],
  [/\b(?:total|sum)\b/, 'sum'],
] as const;
const COUNT = /\b(?:how many(?: different)?|(?:total )?(?:number|count) of|count)\b/;

/** What a question wants computed instead of listed. */
export function readTotal(question: Question, table: CatalogueTable): Total | undefined {
  const mentions = findMentions(question, table.columns);
  const [count] = question.findAll(COUNT);
  if (count !== undefined) {
    const counted = mentionAfter(question, mentions, count.to);
    const isOfRows = question.spansOf(toStems(table.name)).length > 0;
    if (counted === undefined && !isOfRows) return undefined;
    // "How many stock" asks for no number of rows.
    if (counted?.column.type === 'number') return undefined;
    question.read(count);
    question.take(/\bin total\b/);
    if (counted === undefined) return { function: 'count' };
    question.read(counted);
    return { function: 'count_distinct', column: counted.column.name };
  }
  for (const [pattern, name] of OVER_NUMBERS) {
    const [found] = question.findAll(pattern);
    const over =
      found &&
      mentionAfter(
        question,
        mentions.filter(({ column }) => column.type === 'number'),
        found.to,
      );
    if (found === undefined || over === undefined) continue;
    question.read(found);
    question.read(over);
    return { function: name, column: over.column.name };
  }
  return undefined;
}

/** The column by whose values rows are taken together. */
export function readGroup(question: Question, table: CatalogueTable, isTotal: boolean): CatalogueColumn | undefined {
  const mentions = findMentions(question, table.columns);
  for (const found of question.findAll(/\b(?:grouped by|group by|by each|per|by|for each|for every|in each)\b/)) {
    const group = mentionAfter(question, mentions, found.to);
    if (group === undefined) continue;
    // "Products by price" wants an order.
    if (!isTotal && question.quote(found).toLowerCase() === 'by' && group.column.type !== 'text') continue;
    question.read(found);
    question.read(group);
    return group.column;
  }
  return undefined;
}
