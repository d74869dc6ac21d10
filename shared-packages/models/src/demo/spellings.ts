import { findEnum, type SchemaNode } from './json-schema.ts';

/** What the demo model means, how a tool's schema may spell it, and what it is called in an answer. */
const MEANINGS: Readonly<Record<string, { readonly spellings: readonly string[]; readonly words: string }>> = {
  lt: { spellings: ['lt', '<', 'less_than'], words: 'below' },
  lte: { spellings: ['lte', '<=', 'less_than_or_equal', 'at_most'], words: 'at most' },
  gt: { spellings: ['gt', '>', 'greater_than'], words: 'above' },
  gte: { spellings: ['gte', '>=', 'greater_than_or_equal', 'at_least'], words: 'at least' },
  eq: { spellings: ['eq', '=', '==', 'equals', 'equal'], words: '' },
  contains: { spellings: ['contains', 'includes', 'like'], words: 'containing' },
  count: { spellings: ['count'], words: 'count' },
  sum: { spellings: ['sum', 'total'], words: 'total' },
  avg: { spellings: ['avg', 'average', 'mean'], words: 'average' },
  asc: { spellings: ['asc', 'ascending'], words: 'ascending' },
  desc: { spellings: ['desc', 'descending'], words: 'descending' },
};

/** `meaning` in the spelling that the schema's property allows. */
export function spell(schema: SchemaNode, property: string, meaning: string): string {
  const allowed = findEnum(schema, property);
  return MEANINGS[meaning]?.spellings.find((word) => allowed.includes(word)) ?? meaning;
}

const SPOKEN_OF_DATES: Readonly<Record<string, string>> = { below: 'before', above: 'after', 'at most': 'up to', 'at least': 'from' };

/** The words for a spelling, for people. */
export function toSpoken(spelling: string, value?: unknown): string {
  const words = Object.values(MEANINGS).find(({ spellings }) => spellings.includes(spelling))?.words ?? spelling;
  return typeof value === 'string' ? (SPOKEN_OF_DATES[words] ?? words) : words;
}
