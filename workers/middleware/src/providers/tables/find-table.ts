import { RubotError } from '@rubot/errors';
import type { TenantData } from '../../store/tenant-data.ts';
import type { TableDefinition } from './definition.ts';
import { toName } from './names.ts';
import { findTable, listTables } from './store.ts';

/** @throws RubotError `not_found` that names the tables there are; models read it and mend their call */
export async function requireTable(data: TenantData, requestedName: string): Promise<TableDefinition> {
  const name = toName(requestedName);
  const table = name === undefined ? undefined : await findTable(data, name);
  if (table !== undefined) return table;
  const known = await listTables(data);
  const hint =
    known.length === 0
      ? 'There are no tables yet; create one with tables_create_from_csv'
      : `The tables are: ${known.map((other) => other.name).join(', ')}`;
  throw new RubotError('not_found', `There is no such table. ${hint}.`, { param: 'table' });
}
