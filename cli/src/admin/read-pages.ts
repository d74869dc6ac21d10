import type { z } from 'zod';
import type { AdminClient } from './admin-client.ts';

const PAGE_SIZE = 200;

/** Every entry of a list that comes in pages. */
export async function readPages<Entry>(
  client: AdminClient,
  schema: z.ZodType<{ readonly data: readonly Entry[]; readonly next_cursor?: string | undefined }>,
  path: string,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor === undefined ? {} : { cursor }) });
    const page = await client.ask(schema, { path: `${path}?${query}` });
    entries.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return entries;
}

/** Of a tenant, as its administration is addressed. */
export function toTenantPath(tenant: string, tail = ''): string {
  return `/admin/tenants/${encodeURIComponent(tenant)}${tail}`;
}
