import type { ToolOutcome } from './conversation.ts';
import { isRecord } from './json-schema.ts';

export interface CatalogueColumn {
  readonly name: string;
  readonly type: string;
}

export interface CatalogueTable {
  readonly name: string;
  /** Empty until the table has been described. */
  readonly columns: readonly CatalogueColumn[];
}

/** The tenant's tables, as far as tool results of this conversation tell of them; `undefined` before the first listing. */
export function readCatalogue(outcomes: readonly ToolOutcome[]): readonly CatalogueTable[] | undefined {
  const listing = outcomes.findLast((outcome) => outcome.toolName === 'tables_list' && outcome.failure === undefined);
  if (listing === undefined) return undefined;
  return recordsAt(listing.value, 'tables').map((table) => ({
    name: String(table['name']),
    columns: columnsOf(outcomes, String(table['name'])),
  }));
}

function columnsOf(outcomes: readonly ToolOutcome[], table: string): readonly CatalogueColumn[] {
  const description = outcomes.findLast(
    (outcome) =>
      outcome.toolName === 'tables_describe' &&
      isRecord(outcome.input) &&
      outcome.input['table'] === table &&
      outcome.failure === undefined,
  );
  return recordsAt(description?.value, 'columns').map((column) => ({ name: String(column['name']), type: String(column['type']) }));
}

export function recordsAt(value: unknown, key: string): readonly Record<string, unknown>[] {
  const list = isRecord(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isRecord) : [];
}
