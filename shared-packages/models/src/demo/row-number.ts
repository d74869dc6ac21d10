import type { CatalogueTable } from './catalogue.ts';
import type { Comparison } from './comparison.ts';
import type { Question } from './question.ts';
import type { ColumnValues } from './values.ts';
import { toStems } from './words.ts';

const BETWEEN = new Set(['no', 'nr', 'number', 'id']);
const DIGITS = /^\d+$/;

/** "Order 1041": the row that is called by its number, be that a cell of its own or the end of one, as in `SO-1041`. */
export function readRowNumber(question: Question, table: CatalogueTable, values: ColumnValues): Comparison | undefined {
  for (const { from, to } of question.spansOf(toStems(table.name))) {
    const place = BETWEEN.has(question.words[to]?.stem ?? '') ? to + 1 : to;
    const digits = question.words[place]?.stem ?? '';
    const comparison = DIGITS.test(digits) ? (findByNumber(digits, table) ?? findByText(digits, values)) : undefined;
    if (comparison === undefined) continue;
    question.read({ from, to: place + 1 });
    return comparison;
  }
  return undefined;
}

/** Only where one value alone ends like that. */
function findByText(digits: string, values: ColumnValues): Comparison | undefined {
  const [first, ...others] = [...values].flatMap(([column, held]) =>
    held.filter(({ words }) => words.at(-1)?.stem === digits).map(({ text }) => ({ column, text })),
  );
  return first === undefined || others.length > 0 ? undefined : { column: first.column, operator: 'eq', right: { value: first.text } };
}

/** In the column that holds the table's own numbers: `id`, `number`, `order_id`. */
function findByNumber(digits: string, { name, columns }: CatalogueTable): Comparison | undefined {
  const own = new Set([...toStems(name), ...BETWEEN]);
  const [column, ...others] = columns.filter(({ name: columnName, type }) => {
    const stems = toStems(columnName);
    return type === 'number' && BETWEEN.has(stems.at(-1) ?? '') && stems.every((stem) => own.has(stem));
  });
  return column === undefined || others.length > 0 ? undefined : { column: column.name, operator: 'eq', right: { value: Number(digits) } };
}
