import type { CatalogueColumn } from './catalogue.ts';
import { findDate, findMentions, findRole, type Mention, mentionAfter, mentionBefore } from './mentions.ts';
import type { Found, Question, Span } from './question.ts';

/** A condition of a query before its operator is spelled as the tool wants it. */
export interface Comparison {
  readonly column: string;
  readonly operator: 'lt' | 'lte' | 'gt' | 'gte' | 'eq' | 'contains';
  readonly right: { readonly value: number | string } | { readonly other_column: string };
}

/** Longer phrases stand before the shorter ones that they contain. */
const PHRASES: readonly (readonly [RegExp, Comparison['operator']])[] = [
  [/<=|≤|\bat most\b|\bno more than\b|\bup to\b|\buntil\b/, 'lte'],
  [/>=|≥|\bat least\b|\bno (?:less|fewer) than\b|\bsince\b/, 'gte'],
  [/<|\bbelow\b|\bunder\b|\b(?:less|fewer|lower|smaller|earlier) than\b|\b(?:cheaper|less expensive) than\b|\bbefore\b/, 'lt'],
  [/>|\babove\b|\bover\b|\bexceed(?:s|ing)?\b|\b(?:more|greater|higher|larger|bigger|later|more expensive) than\b|\bafter\b/, 'gt'],
  [/(?<!!)=|\bequals?\b|\bequal to\b|\b(?:is|on)(?: exactly)?(?=\s+[$€£]?\d)/, 'eq'],
];

const DATE = String.raw`(\d{4}-\d{2}-\d{2})(?![\w:])`;
const NUMBER = String.raw`([$€£]?)\s?(-?\d+(?:,\d{3})*(?:\.\d+)?)(?![\w%]|[.,:-]\d|\s%)(?:\s(?:units?|pieces|items)\b)?`;
const TEXT = `["'“]([^"'”]+)["'”]`;
const LITERAL = new RegExp(String.raw`^[\s(]*(?:${DATE}|${NUMBER}|${TEXT})`, 'u');

/** Every comparison that a question makes. */
export function readComparisons(question: Question, columns: readonly CatalogueColumn[]): readonly Comparison[] {
  const reader = { question, columns, mentions: findMentions(question, columns) };
  const compared = [...readRanges(reader), ...readPhrases(reader)];
  // Afterwards, as "less than 10 in stock" compares by itself.
  return [...compared, ...readStockWords(reader)];
}

interface Reader {
  readonly question: Question;
  readonly columns: readonly CatalogueColumn[];
  readonly mentions: readonly Mention[];
}

function readStockWords({ question, columns }: Reader): readonly Comparison[] {
  const column = findRole('quantity', columns)?.name;
  if (column === undefined) return [];
  if (question.take(/\b(?:out of stock|sold out)\b/) !== undefined) return [{ column, operator: 'eq', right: { value: 0 } }];
  return question.take(/\bin stock\b/) === undefined ? [] : [{ column, operator: 'gt', right: { value: 0 } }];
}

function readRanges(reader: Reader): readonly Comparison[] {
  const { question } = reader;
  return question.findAll(/\bbetween\s+(\S+)\s+and\s+(\S+?)(?=[\s?!,;]|\.?$|$)/).flatMap((found) => {
    const [low, high] = found.groups.map((text) => readLiteral(text ?? ''));
    if (low === undefined || high === undefined || typeof low.value !== typeof high.value) return [];
    const column = chooseColumn(reader, found, found.to, low);
    if (column === undefined) return [];
    question.read(found);
    return [
      { column, operator: 'gte', right: { value: low.value } },
      { column, operator: 'lte', right: { value: high.value } },
    ];
  });
}

function readPhrases(reader: Reader): readonly Comparison[] {
  const { question } = reader;
  const found = PHRASES.flatMap(([phrase, operator], rank) => question.findAll(phrase).map((span) => ({ ...span, operator, rank })));
  return found
    .sort((left, right) => left.from - right.from || left.rank - right.rank)
    .flatMap((phrase) => (question.isUnread(phrase) ? (compare(reader, phrase) ?? []) : []));
}

function compare(reader: Reader, phrase: Found & { readonly operator: Comparison['operator'] }): Comparison | undefined {
  const { question, mentions } = reader;
  const { operator } = phrase;
  const literal = readLiteral(question.text.slice(question.words[phrase.to - 1]?.end));
  if (literal === undefined) return compareColumns(reader, phrase, operator);
  const last = lastWordOf(question, phrase, literal.length);
  const column = chooseColumn(reader, phrase, last, literal);
  if (column === undefined) return undefined;
  question.read({ from: phrase.from, to: last });
  for (const mention of mentions) if (mention.column.name === column) question.read(mention);
  return { column, operator, right: { value: literal.value } };
}

function compareColumns({ question, columns, mentions }: Reader, phrase: Span, operator: Comparison['operator']): Comparison | undefined {
  const right = mentionAfter(question, mentions, phrase.to);
  if (right === undefined) return undefined;
  const others = columns.filter((column) => column.name !== right.column.name);
  const before = mentionBefore(question, mentions, phrase.from);
  const left = before?.column ?? findRole('quantity', others);
  if (left === undefined || left.name === right.column.name || left.type !== right.column.type) return undefined;
  for (const span of [phrase, right, ...(before === undefined ? [] : [before])]) question.read(span);
  return { column: left.name, operator, right: { other_column: right.column.name } };
}

interface Literal {
  readonly value: number | string;
  readonly type: 'date' | 'number' | 'text';
  readonly isMoney: boolean;
  /** In characters, with what stands before it. */
  readonly length: number;
}

function readLiteral(text: string): Literal | undefined {
  const found = LITERAL.exec(text);
  if (found === null) return undefined;
  const [{ length }, date, sign, number, quoted] = found;
  if (number !== undefined) return { value: Number(number.replaceAll(',', '')), type: 'number', isMoney: sign !== '', length };
  return { value: date ?? quoted ?? '', type: date === undefined ? 'text' : 'date', isMoney: false, length };
}

function lastWordOf(question: Question, phrase: Span, length: number): number {
  const end = (question.words[phrase.to - 1]?.end ?? 0) + length;
  return question.words.findLastIndex((word) => word.start < end) + 1;
}

/** The column of the right type that is named beside the comparison; without a name, the only one that it can be. */
function chooseColumn({ question, columns, mentions }: Reader, phrase: Span, end: number, literal: Literal): string | undefined {
  const fitting = mentions.filter(({ column }) => column.type === literal.type);
  const named = mentionBefore(question, fitting, phrase.from) ?? mentionAfter(question, fitting, end);
  if (named !== undefined) {
    question.read(named);
    return named.column.name;
  }
  if (literal.type === 'date') return findDate(columns)?.name;
  const isMoney = literal.isMoney || /cheap|expensive/i.test(question.quote(phrase));
  return isMoney ? findRole('price', columns)?.name : undefined;
}
