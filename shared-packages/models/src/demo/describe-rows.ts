import { recordsAt } from './catalogue.ts';
import type { ToolOutcome } from './conversation.ts';
import { isRecord } from './json-schema.ts';
import { toSpoken } from './spellings.ts';
import { toWords } from './words.ts';

/** What a query brought back, in words. */
export function describeRows({ input, value }: ToolOutcome, { isDoubtful }: { readonly isDoubtful: boolean }): string {
  const query = isRecord(input) ? input : {};
  const rows = recordsAt(value, 'rows');
  const subject = toWords(String(query['table'])).join(' ');
  const condition = describeConditions(query);
  if (Array.isArray(query['aggregates'])) {
    return describeAggregate({ rows, subject, condition, isGrouped: query['group_by'] !== undefined });
  }
  if (rows.length === 0) return `No ${subject}${condition} were found.`;
  const hasMore = isRecord(value) && value['has_more'] === true && query['order_by'] === undefined;
  const isAll = condition === '' && query['order_by'] === undefined;
  const scope = isAll && isDoubtful ? ', as I understood no condition in the question' : condition;
  const count = `${hasMore ? 'The first ' : ''}${rows.length === 1 ? 'One row of' : rows.length}`;
  return `${count} ${subject}${scope}:\n${rows.map((row) => `- ${describeRow(row)}`).join('\n')}`;
}

interface AggregateWords {
  readonly rows: readonly Record<string, unknown>[];
  readonly subject: string;
  readonly condition: string;
  readonly isGrouped: boolean;
}

function describeAggregate({ rows, subject, condition, isGrouped }: AggregateWords): string {
  const [first] = rows;
  if (first === undefined) return `No ${subject}${condition} were found.`;
  if (isGrouped) return `Over ${subject}${condition}:\n${rows.map((row) => `- ${describeRow(row)}`).join('\n')}`;
  const [entry] = Object.entries(first);
  const [name, result] = entry ?? ['result', null];
  if (/^count/.test(name)) return `${String(result)} ${subject}${condition}.`;
  return `Over ${subject}${condition}, ${toWords(name).join(' ')} is ${format(result)}.`;
}

function describeRow(row: Record<string, unknown>): string {
  const [label, ...rest] = Object.entries(row);
  if (label === undefined) return '(empty)';
  const details = rest.map(([name, value]) => `${toWords(name).join(' ')} ${format(value)}`).join(', ');
  return details === '' ? format(label[1]) : `${format(label[1])}: ${details}`;
}

function describeConditions(query: Readonly<Record<string, unknown>>): string {
  const conditions = recordsAt(query, 'where').map(({ column, operator, value, other_column: other }) => {
    const right = other === undefined ? format(value) : toWords(String(other)).join(' ');
    return [...toWords(String(column)), toSpoken(String(operator), value), right].filter((word) => word !== '').join(' ');
  });
  return conditions.length === 0 ? '' : ` with ${conditions.join(' and ')}`;
}

function format(value: unknown): string {
  if (value === null || value === undefined) return 'unknown';
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
}
