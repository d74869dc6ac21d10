import { and, asc, eq, sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import { connections, credentials } from './schema.ts';

/** As text: reading it as JSON here would let one row that is broken fail the whole batch. */
const COLUMNS = {
  tenantId: connections.tenantId,
  providerId: connections.providerId,
  kind: connections.kind,
  config: sql<string>`${connections.config}`.as('config'),
  tools: sql<string>`${connections.tools}`.as('tools'),
  updatedAt: connections.updatedAt,
  keyId: credentials.keyId,
  box: credentials.box,
};

/** Connections of a tenant, each with its credential, which is sealed: in one statement, to go with others in one batch. */
export function selectConnections(database: Database, { tenantId, providerId }: { tenantId: string; providerId?: string | undefined }) {
  return database
    .select(COLUMNS)
    .from(connections)
    .leftJoin(credentials, and(eq(credentials.tenantId, connections.tenantId), eq(credentials.providerId, connections.providerId)))
    .where(and(eq(connections.tenantId, tenantId), providerId === undefined ? undefined : eq(connections.providerId, providerId)))
    .orderBy(asc(connections.providerId));
}

export type ConnectionRow = Awaited<ReturnType<typeof selectConnections>>[number];
