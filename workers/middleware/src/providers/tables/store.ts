import { RubotError } from '@rubot/errors';
import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database, Statement } from '../../store/database.ts';
import { tableColumns, tableRows, tables } from '../../store/schema.ts';
import type { TenantData } from '../../store/tenant-data.ts';
import { type Cell, fromStored } from './cells.ts';
import type { Filter } from './conditions.ts';
import type { Column, TableDefinition } from './definition.ts';
import { MAX_ROWS_PER_TABLE, MAX_TABLES } from './limits.ts';
import type { Field, QueryPlan, ResultRow } from './query-plan.ts';
import { cellOf, OVERFLOW, toExpression, toOrder, toWhere } from './query-sql.ts';
import type { StoredRow } from './rows.ts';

/** Every statement here binds the tenant of the bearer; none takes it from anywhere else. */

export async function listTables(data: TenantData): Promise<readonly TableDefinition[]> {
  const [found, columns] = await data.read((database) => [
    database.select().from(tables).where(eq(tables.tenantId, data.tenantId)).orderBy(asc(tables.name)),
    database
      .select()
      .from(tableColumns)
      .where(eq(tableColumns.tenantId, data.tenantId))
      .orderBy(asc(tableColumns.tableName), asc(tableColumns.position)),
  ]);
  const columnsOf = Map.groupBy(columns, (column) => column.tableName);
  return found.map((table) => toDefinition(table, columnsOf.get(table.name) ?? []));
}

export async function findTable(data: TenantData, name: string): Promise<TableDefinition | undefined> {
  const [[table], columns] = await data.read((database) => [
    database
      .select()
      .from(tables)
      .where(and(eq(tables.tenantId, data.tenantId), eq(tables.name, name))),
    database
      .select()
      .from(tableColumns)
      .where(and(eq(tableColumns.tenantId, data.tenantId), eq(tableColumns.tableName, name)))
      .orderBy(asc(tableColumns.position)),
  ]);
  return table === undefined ? undefined : toDefinition(table, columns);
}

function toDefinition({ name, rowCount, createdAt }: typeof tables.$inferSelect, columns: readonly Column[]): TableDefinition {
  return {
    name,
    rowCount,
    createdAt,
    columns: columns.map((column) => ({ position: column.position, name: column.name, type: column.type })),
  };
}

/** Up to one row more than the plan's limit, which tells that there are more. */
export async function runQuery(data: TenantData, table: TableDefinition, plan: QueryPlan): Promise<readonly ResultRow[]> {
  const fields = plan.fields.map((field, index) => ({ ...field, key: `field_${index}` }));
  const selection = Object.fromEntries(fields.map(({ key, expression }) => [key, toExpression(expression).as(key)]));
  const [rows] = await data.read((database) => [
    database
      .select(selection)
      .from(tableRows)
      .where(and(eq(tableRows.tenantId, data.tenantId), eq(tableRows.tableName, table.name), toWhere(plan)))
      .groupBy(...plan.groupBy.map(cellOf))
      .orderBy(...toOrder(plan))
      .limit(plan.limit + 1)
      .offset(plan.offset),
  ]);
  return rows.map((row) => Object.fromEntries(fields.map((field) => [field.name, readField(row[field.key], field)])));
}

/** @throws RubotError `invalid_request` for a sum that no number holds */
function readField(value: unknown, { name, type }: Field): Cell {
  if (type !== 'number' || value !== OVERFLOW) return fromStored(value, type);
  throw new RubotError(
    'invalid_request',
    `${name} is larger than a number can be. Take fewer rows with where, or leave this aggregate out.`,
    { param: 'aggregates' },
  );
}

/** Fails when the tenant has a table of that name, or as many tables as it may, however many are created at once. */
export function createTable(database: Database, tenantId: string, name: string, columns: readonly Column[]): readonly Statement[] {
  const createdAt = new Date().toISOString();
  const tableCount = database.$count(tables, eq(tables.tenantId, tenantId));
  return [
    // Over the limit the count of rows becomes NULL, which the column refuses, and with it the whole batch.
    database.insert(tables).values({ tenantId, name, rowCount: sql`case when ${tableCount} < ${MAX_TABLES} then 0 end`, createdAt }),
    database
      .insert(tableColumns)
      .select(
        sql`select ${tenantId}, ${name}, value ->> 'position', value ->> 'name', value ->> 'type' from json_each(${JSON.stringify(columns)})`,
      ),
  ];
}

/** Fails when the table would hold more rows than it may, however many inserts run at once. */
export function insertRows(database: Database, tenantId: string, tableName: string, rows: readonly StoredRow[]): readonly Statement[] {
  const rowCount = sql`${tables.rowCount} + ${rows.length}`;
  return [
    database
      .update(tables)
      // Over the limit the count becomes NULL, which the column refuses, and with it the whole batch.
      .set({ rowCount: sql`case when ${rowCount} <= ${MAX_ROWS_PER_TABLE} then ${rowCount} end` })
      .where(and(eq(tables.tenantId, tenantId), eq(tables.name, tableName))),
    ...toChunks(rows).map((chunk) =>
      // The row id is NULL: the database gives the next one.
      database.insert(tableRows).select(sql`select null, ${tenantId}, ${tableName}, value from json_each(${chunk}) order by key`),
    ),
  ];
}

/** Fails when the filter fits another number of rows than expected: what is deleted is what somebody has seen, or nothing. */
export function deleteRows(
  database: Database,
  tenantId: string,
  tableName: string,
  filter: Filter,
  rowCount: number,
): readonly Statement[] {
  const where = toWhere(filter);
  if (where === undefined) throw new TypeError('rows are deleted by conditions');
  const isMeant = and(eq(tableRows.tenantId, tenantId), eq(tableRows.tableName, tableName), where);
  const fittingCount = database.$count(tableRows, isMeant);
  return [
    database
      .update(tables)
      // With another number the count becomes NULL, which the column refuses, and with it the whole batch.
      .set({ rowCount: sql`case when ${fittingCount} = ${rowCount} then ${tables.rowCount} - ${rowCount} end` })
      .where(and(eq(tables.tenantId, tenantId), eq(tables.name, tableName))),
    database.delete(tableRows).where(isMeant),
  ];
}

/** D1 takes parameters of 2,000,000 bytes at most, and a character can have three. */
const MAX_CHUNK_CHARACTERS = 600_000;

/** The rows as JSON arrays, each small enough for one parameter. */
function toChunks(rows: readonly StoredRow[]): readonly string[] {
  const chunks: StoredRow[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    if (size + row.length > MAX_CHUNK_CHARACTERS) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(row);
    size += row.length;
  }
  return chunks.map((chunk) => `[${chunk.join(',')}]`);
}
