import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import type { Sealed } from '@rubot/keys/seal';
import { and, asc, count, eq, inArray, ne, notInArray, sql } from 'drizzle-orm';
import { commitAudited } from './audit/append-entry.ts';
import type { Auditing } from './audit/auditing.ts';
import { type Database, runBatch } from './database.ts';
import { credentials } from './schema.ts';

export type CredentialRow = Pick<typeof credentials.$inferSelect, 'tenantId' | 'providerId' | 'keyId' | 'box'>;

/** A credential that was opened and sealed anew. */
export interface Resealed {
  readonly former: CredentialRow;
  readonly sealed: Sealed;
}

export interface HeldKeys {
  readonly currentKeyId: string;
  readonly keyIds: readonly string[];
}

export interface OutdatedCredentials {
  /** One page of what was sealed by a key that is held and not the current one. */
  readonly rows: readonly CredentialRow[];
  /** How many there are that no key which is held can open. */
  readonly lostCount: number;
}

export interface CredentialStore {
  readOutdated(keys: HeldKeys, limit: number): Promise<OutdatedCredentials>;
  /** Puts each in the place of what it was made from, unless that has been replaced meanwhile; and says how many are left. */
  replace(auditing: Auditing, keys: HeldKeys, page: readonly Resealed[]): Promise<{ readonly replaced: number; readonly left: number }>;
}

export function createCredentialStore(database: Database): CredentialStore {
  const isOutdated = ({ currentKeyId, keyIds }: HeldKeys) =>
    and(inArray(credentials.keyId, [...keyIds]), ne(credentials.keyId, currentKeyId));
  return {
    async readOutdated(keys, limit) {
      const [rows, [lost]] = await runBatch(database, [
        database
          .select({ tenantId: credentials.tenantId, providerId: credentials.providerId, keyId: credentials.keyId, box: credentials.box })
          .from(credentials)
          .where(isOutdated(keys))
          .orderBy(asc(credentials.updatedAt), asc(credentials.tenantId), asc(credentials.providerId))
          .limit(limit),
        database
          .select({ count: count() })
          .from(credentials)
          .where(notInArray(credentials.keyId, [...keys.keyIds])),
      ]);
      return { rows, lostCount: lost?.count ?? 0 };
    },
    async replace(auditing, keys, page) {
      const record = {
        chain: PLATFORM_CHAIN,
        action: 'credentials.reencrypted',
        target: keys.currentKeyId,
        details: { credentials: page.length },
      };
      const [updated, [left]] = await commitAudited(database, auditing, record, [
        replacePage(database, page),
        database.select({ count: count() }).from(credentials).where(isOutdated(keys)),
      ]);
      return { replaced: updated.length, left: left?.count ?? 0 };
    },
  };
}

/** One statement for all of them: D1 takes no more than 100 parameters, and counts statements. */
function replacePage(database: Database, page: readonly Resealed[]) {
  const values = page.map(({ former, sealed }) => ({ ...former, new_key_id: sealed.keyId, new_box: sealed.box }));
  return database
    .update(credentials)
    .set({ keyId: sql`page.value ->> 'new_key_id'`, box: sql`page.value ->> 'new_box'` })
    .from(sql`json_each(${JSON.stringify(values)}) as page`)
    .where(
      and(
        eq(credentials.tenantId, sql`page.value ->> 'tenantId'`),
        eq(credentials.providerId, sql`page.value ->> 'providerId'`),
        eq(credentials.box, sql`page.value ->> 'box'`),
      ),
    )
    .returning({ providerId: credentials.providerId });
}
