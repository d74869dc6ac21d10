import type { ToolOutcome } from './conversation.ts';
import { isRecord } from './json-schema.ts';

export interface CatalogueColumn {
  readonly name: string;
  /** `undefined` before the table has been described. */
  readonly type: string | undefined;
}

export interface CatalogueTable {
  readonly name: string;
  readonly columns: readonly CatalogueColumn[];
  readonly isDescribed: boolean;
}

/** The tenant's tables, as far as tool results of this conversation tell of them; `undefined` before the first listing. */
export function readCatalogue(outcomes: readonly ToolOutcome[]): readonly CatalogueTable[] | undefined {
  const listing = outcomes.findLast((outcome) => outcome.toolName === 'tables_list' && outcome.failure === undefined);
  if (listing === undefined) return undefined;
  return recordsAt(listing.value, 'tables').map((table) => {
    const name = String(table['name']);
    const described = describedColumns(outcomes, name);
    return { name, columns: described ?? listedColumns(table['columns']), isDescribed: described !== undefined };
  });
}

function describedColumns(outcomes: readonly ToolOutcome[], table: string): readonly CatalogueColumn[] | undefined {
  const description = outcomes.findLast(
    ({ toolName, input, failure }) =>
      toolName === 'tables_describe' && isRecord(input) && input['table'] === table && failure === undefined,
  );
  if (description === undefined) return undefined;
  return recordsAt(description.value, 'columns').map((column) => ({ name: String(column['name']), type: String(column['type']) }));
}

function listedColumns(names: unknown): readonly CatalogueColumn[] {
  return Array.isArray(names) ? names.map((name) => ({ name: String(name), type: undefined })) : [];
}

export function recordsAt(value: unknown, key: string): readonly Record<string, unknown>[] {
  const list = isRecord(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
