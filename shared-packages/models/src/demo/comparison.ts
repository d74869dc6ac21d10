import type { CatalogueColumn, CatalogueTable } from './catalogue.ts';
import { findName, toStems } from './words.ts';

/** A condition of a query before its operator is spelled as the tool wants it. */
export interface Comparison {
  readonly column: string;
  readonly operator: 'lt' | 'lte' | 'gt' | 'gte' | 'eq' | 'contains';
  readonly right: { readonly value: number | string } | { readonly other_column: string };
}

/** Longer phrases stand before the shorter ones that they contain. */
const PHRASES: readonly (readonly [RegExp, Comparison['operator']])[] = [
  [/(?:<=|≤|\bat most\b|\bno more than\b|\bup to\b)/i, 'lte'],
  [/(?:>=|≥|\bat least\b|\bno (?:less|fewer) than\b)/i, 'gte'],
  [/(?:<|\bbelow\b|\bunder\b|\b(?:less|fewer|lower|smaller|cheaper|earlier) than\b|\bbefore\b)/i, 'lt'],
  [/(?:>|\babove\b|\bover\b|\bexceed(?:s|ing)?\b|\b(?:more|greater|higher|larger|bigger|later) than\b|\bafter\b)/i, 'gt'],
  [/(?:=|\bequals?\b|\bequal to\b|\bis exactly\b)/i, 'eq'],
];

const LITERAL = /^\W*(?:(\d{4}-\d{2}-\d{2})|[$€£]?\s?(\d[\d,]*(?:\.\d+)?)|["'“]([^"'”]+)["'”])/;
/** What people compare when they name one side alone, as in "products below their reorder level". */
const QUANTITY = ['stock', 'on_hand', 'in_stock', 'quantity', 'qty', 'units', 'available', 'level', 'count', 'amount', 'total', 'balance'];
export const PRICE = ['price', 'unit_price', 'cost', 'amount', 'total'];

/** The one comparison that a question makes over a table, if it makes one. */
export function findComparison(question: string, table: CatalogueTable): Comparison | undefined {
  if (/\b(?:out of stock|sold out)\b/i.test(question)) {
    const column = guessNumber(table.columns, QUANTITY, 'number');
    if (column !== undefined) return { column: column.name, operator: 'eq', right: { value: 0 } };
  }
  for (const [phrase, operator] of PHRASES) {
    const found = phrase.exec(question);
    if (found === null) continue;
    const before = question.slice(0, found.index);
    const after = question.slice(found.index + found[0].length);
    const comparison = compare({ table, operator, before, after });
    if (comparison !== undefined) return comparison;
  }
  return undefined;
}

interface Sides {
  readonly table: CatalogueTable;
  readonly operator: Comparison['operator'];
  readonly before: string;
  readonly after: string;
}

function compare({ table, operator, before, after }: Sides): Comparison | undefined {
  const literal = LITERAL.exec(after);
  if (literal !== null) {
    const [, date, number, text] = literal;
    const value = number === undefined ? (date ?? text ?? '') : Number(number.replaceAll(',', ''));
    const column = findLast(before, table.columns) ?? findFirst(after, table.columns) ?? guessColumn(table, before, value);
    return column === undefined ? undefined : { column: column.name, operator, right: { value } };
  }
  const right = findFirst(after, table.columns);
  if (right === undefined) return undefined;
  const others = table.columns.filter((column) => column.name !== right.name);
  const left = findLast(before, others) ?? guessNumber(others, QUANTITY, right.type);
  return left === undefined ? undefined : { column: left.name, operator, right: { other_column: right.name } };
}

function guessColumn(table: CatalogueTable, before: string, value: number | string): CatalogueColumn | undefined {
  if (typeof value === 'string') return table.columns.find((column) => column.type === (/^\d{4}-/.test(value) ? 'date' : 'text'));
  const isMoney = /\b(?:cost|price|cheap|expensive)/i.test(before);
  return guessNumber(table.columns, isMoney ? PRICE : QUANTITY, 'number');
}

/** A column of the right type whose name says what it counts; ids count nothing. */
export function guessNumber(
  columns: readonly CatalogueColumn[],
  names: readonly string[],
  type: string | undefined,
): CatalogueColumn | undefined {
  const fitting = columns.filter((column) => column.type === type && !/(?:^|_)id$/.test(column.name));
  for (const name of names) {
    const match = fitting.find((column) => findName(toStems(column.name), name) >= 0);
    if (match !== undefined) return match;
  }
  return fitting[0];
}

function findFirst(text: string, columns: readonly CatalogueColumn[]): CatalogueColumn | undefined {
  const stems = toStems(text);
  const found = columns.map((column) => ({ column, at: findName(stems, column.name) })).filter(({ at }) => at >= 0);
  return found.sort((left, right) => left.at - right.at || right.column.name.length - left.column.name.length)[0]?.column;
}

/** The mention that stands nearest to the comparing word. */
function findLast(text: string, columns: readonly CatalogueColumn[]): CatalogueColumn | undefined {
  const stems = toStems(text);
  const found = columns.map((column) => ({ column, at: findName(stems, column.name) })).filter(({ at }) => at >= 0);
  return found.sort((left, right) => right.at - left.at || right.column.name.length - left.column.name.length)[0]?.column;
}

/** Every column that the text names, in the order of the table. */
export function findMentioned(text: string, columns: readonly CatalogueColumn[]): readonly CatalogueColumn[] {
  const stems = toStems(text);
  return columns.filter((column) => findName(stems, column.name) >= 0);
}
