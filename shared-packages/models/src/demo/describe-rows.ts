import { recordsAt } from './catalogue.ts';
import type { ToolOutcome } from './conversation.ts';
import { isRecord } from './json-schema.ts';
import { toSpoken } from './spellings.ts';
import { toWords } from './words.ts';

/** What a query brought back, in words that also tell how the question was read. */
export function describeRows({ input, value }: Pick<ToolOutcome, 'input' | 'value'>): string {
  const query = isRecord(input) ? input : {};
  const rows = recordsAt(value, 'rows');
  const subject = `${toSpokenName(query['table'])}${describeConditions(query)}`;
  const [first] = rows;
  if (first === undefined) return `No ${subject} were found.`;
  const hasMore = isRecord(value) && value['has_more'] === true;
  const list = rows.map((row) => `- ${describeRow(row)}`).join('\n');
  if (Array.isArray(query['group_by'])) return `Over ${subject}${hasMore ? `, the first ${rows.length} groups` : ''}:\n${list}`;
  if (Array.isArray(query['aggregates'])) return describeTotal(first, subject);
  return `${countRows(rows.length, hasMore)} ${subject}${describeOrder(query)}:\n${list}`;
}

function countRows(count: number, hasMore: boolean): string {
  if (count === 1) return hasMore ? 'The first row of' : 'One row of';
  return hasMore ? `The first ${count}` : String(count);
}

function describeTotal(row: Readonly<Record<string, unknown>>, subject: string): string {
  const [name = 'result', result] = Object.entries(row)[0] ?? [];
  if (name === 'count') return `${String(result)} ${subject}.`;
  return `Over ${subject}, ${toSpokenName(name)} is ${format(result)}.`;
}

function describeRow(row: Record<string, unknown>): string {
  const [label, ...rest] = Object.entries(row);
  if (label === undefined) return '(empty)';
  const details = rest.map(([name, value]) => `${toSpokenName(name)} ${format(value)}`).join(', ');
  return details === '' ? format(label[1]) : `${format(label[1])}: ${details}`;
}

function describeConditions(query: Readonly<Record<string, unknown>>): string {
  const conditions = recordsAt(query, 'where').map(({ column, operator, value, other_column: other }) => {
    const right = other === undefined ? format(value) : toSpokenName(other);
    return [toSpokenName(column), toSpoken(String(operator), value), right].filter((word) => word !== '').join(' ');
  });
  return conditions.length === 0 ? '' : ` with ${conditions.join(' and ')}`;
}

function describeOrder(query: Readonly<Record<string, unknown>>): string {
  const orders = recordsAt(query, 'order_by').map(({ column, direction }) => `${toSpokenName(column)} ${toSpoken(String(direction))}`);
  return orders.length === 0 ? '' : `, sorted by ${orders.join(' and ')}`;
}

function toSpokenName(name: unknown): string {
  return toWords(String(name)).join(' ');
}

function format(value: unknown): string {
  if (value === null || value === undefined) return 'unknown';
  return typeof value === 'number' ? String(Math.round(value * 100) / 100) : String(value);
}
