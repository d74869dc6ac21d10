import { recordsAt } from './catalogue.ts';
import type { ToolOutcome } from './conversation.ts';
import { isRecord, type SchemaNode } from './json-schema.ts';
import { ROW_LIMIT } from './read-question.ts';
import { toStems } from './words.ts';

const TEXT_NAMES = new Set(['answer', 'text', 'message', 'reply', 'response', 'content']);

const SCALARS = new Set(['string', 'number', 'boolean']);

/** What does not fit is `undefined`; nothing is made up to fill a gap. */
export function fillWithText(schema: SchemaNode, text: string): unknown {
  const [property, ...others] = [...schema.properties];
  if (property === undefined || others.length > 0 || !TEXT_NAMES.has(property[0])) return undefined;
  return property[1].type === 'string' && property[1].isPlain && property[1].enum.length === 0 ? { [property[0]]: text } : undefined;
}

/** The result of a query in the shape of a schema, where names and types leave no doubt. */
export function fillWithRows(schema: SchemaNode, { input, value }: ToolOutcome): unknown {
  const query = isRecord(input) ? input : {};
  const rows = recordsAt(value, 'rows');
  // Cut off, though nobody asked for so many.
  const isCut = isRecord(value) && value['has_more'] === true && query['limit'] === ROW_LIMIT;
  const [property, ...others] = [...schema.properties];
  if (isCut || property === undefined || !schema.isPlain) return undefined;
  const isTotal = Array.isArray(query['aggregates']) && !Array.isArray(query['group_by']);
  if (!isTotal && rows.length === 1) {
    const filled = fillRow(schema, rows[0] ?? {});
    if (filled !== undefined) return filled;
  }
  if (others.length > 0) return undefined;
  const [name, node] = property;
  const filled = isTotal ? fitCell(node, Object.values(rows[0] ?? {})[0]) : fillList(node, name, rows);
  return filled === undefined ? undefined : { [name]: filled };
}

function fillList(node: SchemaNode, name: string, rows: readonly Record<string, unknown>[]): unknown {
  const item = node.items;
  if (node.type !== 'array' || !node.isPlain || item === undefined) return undefined;
  const filled = rows.map((row) => (item.properties.size > 0 ? fillRow(item, row) : fitCell(item, findCell(row, name))));
  return filled.includes(undefined) ? undefined : filled;
}

function fillRow(node: SchemaNode, row: Record<string, unknown>): Record<string, unknown> | undefined {
  if (!node.isPlain) return undefined;
  const cells = [...node.properties].map(([name, property]) => [name, fitCell(property, findCell(row, name))] as const);
  const isComplete = cells.every(([name, cell]) => cell !== undefined || !node.required.has(name));
  const found = cells.filter(([, cell]) => cell !== undefined);
  return isComplete && found.length > 0 ? Object.fromEntries(found) : undefined;
}

/** `unitPrice` and `unit_price` are one name. */
function findCell(row: Record<string, unknown>, name: string): unknown {
  const wanted = toStems(name).join(' ');
  return Object.entries(row).find(([column]) => toStems(column).join(' ') === wanted)?.[1];
}

function fitCell(node: SchemaNode, cell: unknown): unknown {
  const fits = node.type === 'integer' ? Number.isInteger(cell) : SCALARS.has(node.type ?? '') && typeof cell === node.type;
  const isAllowed = node.enum.length === 0 || node.enum.includes(cell as string);
  return node.isPlain && fits && isAllowed ? cell : undefined;
}
