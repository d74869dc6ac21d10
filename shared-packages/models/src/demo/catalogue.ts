import { isRecord } from './json-schema.ts';

export const TABLES_PREFIX = 'tables_';

export interface CatalogueColumn {
  readonly name: string;
  /** `undefined` before the table has been described. */
  readonly type: string | undefined;
}

export interface CatalogueTable {
  readonly name: string;
  readonly columns: readonly CatalogueColumn[];
}

/** The tenant's tables, from the result of `tables_list`. */
export function readCatalogue(listing: unknown): readonly CatalogueTable[] {
  return recordsAt(listing, 'tables').map(({ name, columns }) => ({
    name: String(name),
    columns: Array.isArray(columns) ? columns.map((column) => ({ name: String(column), type: undefined })) : [],
  }));
}

/** Columns with their types, from the result of `tables_describe`. */
export function readDescription(description: unknown): readonly CatalogueColumn[] {
  return recordsAt(description, 'columns').map(({ name, type }) => ({ name: String(name), type: String(type) }));
}

export function recordsAt(value: unknown, key: string): readonly Record<string, unknown>[] {
  const list = isRecord(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
