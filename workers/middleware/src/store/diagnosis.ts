import { asc, count, sql } from 'drizzle-orm';
import journal from '../../migrations/meta/_journal.json' with { type: 'json' };
import { type Database, runBatch } from './database.ts';
import { auditHeads, connections, credentials } from './schema.ts';

export interface Migrations {
  /** Those that this build was made with, in order. */
  readonly known: readonly string[];
  /** Those that the database has had. */
  readonly applied: readonly string[];
}

/** How much was made under a key. */
export interface KeyUse {
  readonly keyId: string;
  readonly count: number;
}

export interface ConnectionAddress {
  readonly tenantId: string;
  readonly providerId: string;
  /** `null` for a row that is broken. */
  readonly url: string | null;
}

export interface KeptUnderKeys {
  readonly credentials: readonly KeyUse[];
  readonly auditHeads: readonly KeyUse[];
}

/** What a diagnosis wants to know of the database. */
export interface DiagnosisStore {
  readMigrations(): Promise<Migrations>;
  readKeyUse(): Promise<KeptUnderKeys>;
  /** Of the first thousand connections: one that is wrong is rarely alone. */
  readConnectionAddresses(): Promise<readonly ConnectionAddress[]>;
}

const MAX_CONNECTIONS = 1_000;
const CONNECTION_URL = sql<
  string | null
>`case when json_valid(${connections.config}) then json_extract(${connections.config}, '$.url') end`;

export function createDiagnosisStore(database: Database): DiagnosisStore {
  return {
    async readMigrations() {
      // wrangler keeps a table of the files that it has applied.
      const [rows] = await runBatch(database, [database.all<{ name: string }>(sql`select name from d1_migrations order by name`)]);
      return { known: journal.entries.map(({ tag }) => `${tag}.sql`), applied: rows.map(({ name }) => name) };
    },
    async readKeyUse() {
      const [sealed, signed] = await runBatch(database, [
        database.select({ keyId: credentials.keyId, count: count() }).from(credentials).groupBy(credentials.keyId),
        database.select({ keyId: auditHeads.keyId, count: count() }).from(auditHeads).groupBy(auditHeads.keyId),
      ]);
      return { credentials: sealed, auditHeads: signed };
    },
    async readConnectionAddresses() {
      const columns = { tenantId: connections.tenantId, providerId: connections.providerId, url: CONNECTION_URL };
      const order = [asc(connections.tenantId), asc(connections.providerId)];
      const [rows] = await runBatch(database, [
        database
          .select(columns)
          .from(connections)
          .orderBy(...order)
          .limit(MAX_CONNECTIONS),
      ]);
      return rows;
    },
  };
}
