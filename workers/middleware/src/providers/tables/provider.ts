import type { Provider } from '../provider.ts';
import { tablesCreateFromCsv } from './tools/create-from-csv.ts';
import { tablesDeleteRows } from './tools/delete-rows.ts';
import { tablesDescribe } from './tools/describe.ts';
import { tablesInsert } from './tools/insert.ts';
import { tablesList } from './tools/list.ts';
import { tablesQuery } from './tools/query.ts';

/** A tenant's own tables, kept in rubot's database. */
export const tablesProvider: Provider = {
  id: 'tables',
  auth: 'none',
  isConnected: true,
  tools: [tablesList, tablesDescribe, tablesQuery, tablesInsert, tablesDeleteRows, tablesCreateFromCsv],
};
