import type { Sealed } from '@rubot/keys/seal';
import { and, asc, eq, type SQL, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing } from './audit/auditing.ts';
import { requireThat } from './audit/require-that.ts';
import { type Database, runBatch, type Statement } from './database.ts';
import { connections, credentials, tenants } from './schema.ts';

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

export interface ConnectionKey {
  readonly tenantId: string;
  readonly providerId: string;
}

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

export interface NewConnection extends ConnectionKey {
  readonly kind: ConnectionRow['kind'];
  readonly config: unknown;
  readonly tools: unknown;
  /** `keep` what is there, or leave `none`. */
  readonly credential: Sealed | 'keep' | 'none';
}

export interface ConnectionChange {
  readonly connection: NewConnection;
  /** What it was made after: something else must not have come between. */
  readonly seen: ConnectionRow | undefined;
  readonly action: 'connection.saved' | 'connection.refreshed';
  readonly details: Readonly<Record<string, unknown>>;
}

export interface ConnectionStore {
  /** `undefined` when there is no such tenant. */
  list(tenantId: string, providerId?: string): Promise<readonly ConnectionRow[] | undefined>;
  /** Connection and credential, both or neither. @throws RubotError of a broken precondition when it has changed since it was `seen` */
  save(auditing: Auditing, change: ConnectionChange): Promise<ConnectionRow>;
  /** @throws RubotError of a broken precondition when there is none */
  delete(auditing: Auditing, key: ConnectionKey): Promise<void>;
}

export function createConnectionStore(database: Database): ConnectionStore {
  return {
    async list(tenantId, providerId) {
      const [tenant, rows] = await runBatch(database, [
        database.select({ tenantId: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, tenantId)),
        selectConnections(database, { tenantId, providerId }),
      ]);
      return tenant.length === 0 ? undefined : rows;
    },
    async save(auditing, { connection: { credential, ...connection }, seen, action, details }) {
      const updatedAt = new Date().toISOString();
      const { tenantId, providerId, ...values } = { ...connection, updatedAt };
      const [, , , [saved]] = await commitAudited(database, auditing, { chain: tenantId, action, target: providerId, details }, [
        requireThat(database, isAsSeen(connection, seen)),
        saveCredential(database, connection, credential, updatedAt),
        database
          .insert(connections)
          .values({ tenantId, providerId, ...values })
          .onConflictDoUpdate({ target: [connections.tenantId, connections.providerId], set: values }),
        selectConnections(database, connection),
      ]);
      if (saved === undefined) throw new TypeError('what a batch has written, it reads');
      return saved;
    },
    async delete(auditing, key) {
      await commitAudited(database, auditing, { chain: key.tenantId, action: 'connection.deleted', target: key.providerId }, [
        requireThat(database, sql`exists ${database.select({ kind: connections.kind }).from(connections).where(isConnection(key))}`),
        database.delete(credentials).where(isCredential(key)),
        database.delete(connections).where(isConnection(key)),
      ]);
    },
  };
}

/** The same row, or none then and none now. Its credential may have been sealed anew meanwhile: whoever replaces it wins. */
function isAsSeen(key: ConnectionKey, seen: ConnectionRow | undefined): SQL {
  const current = (column: SQLiteColumn) => sql`(select ${column} from ${connections} where ${isConnection(key)})`;
  return sql`${current(connections.updatedAt)} is ${seen?.updatedAt ?? null} and ${current(connections.config)} is ${seen?.config ?? null}`;
}

function saveCredential(database: Database, key: ConnectionKey, credential: NewConnection['credential'], updatedAt: string): Statement {
  if (credential === 'keep')
    return requireThat(database, sql`exists ${database.select({ box: credentials.box }).from(credentials).where(isCredential(key))}`);
  if (credential === 'none') return database.delete(credentials).where(isCredential(key));
  const { tenantId, providerId } = key;
  const values = { ...credential, updatedAt };
  return database
    .insert(credentials)
    .values({ tenantId, providerId, ...values })
    .onConflictDoUpdate({ target: [credentials.tenantId, credentials.providerId], set: values });
}

function isConnection({ tenantId, providerId }: ConnectionKey): SQL | undefined {
  return and(eq(connections.tenantId, tenantId), eq(connections.providerId, providerId));
}

function isCredential({ tenantId, providerId }: ConnectionKey): SQL | undefined {
  return and(eq(credentials.tenantId, tenantId), eq(credentials.providerId, providerId));
}
