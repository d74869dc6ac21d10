import type { ChainPosition } from '@rubot/audit/chain-verifier';
import { GENESIS_HASH } from '@rubot/contracts/audit';
import { RubotError } from '@rubot/errors';
import type { KeyRing } from '@rubot/keys/derive';
import { isRightMac, makeMac } from '@rubot/keys/mac';
import { eq } from 'drizzle-orm';
import type { Database, Statement } from '../database.ts';
import { auditHeads } from '../schema.ts';

export type HeadRow = typeof auditHeads.$inferSelect;

const NO_ENTRY: ChainPosition = { seq: 0, hash: GENESIS_HASH };

export function selectHead(database: Database, chain: string) {
  return database.select().from(auditHeads).where(eq(auditHeads.chain, chain));
}

/** To be run in the batch that appends the entry at this position. */
export function saveHead(database: Database, row: HeadRow): Statement {
  return database.insert(auditHeads).values(row).onConflictDoUpdate({ target: auditHeads.chain, set: row });
}

export async function signHead(keys: KeyRing, chain: string, { seq, hash }: ChainPosition): Promise<HeadRow> {
  return { chain, seq, hash, ...(await makeMac(keys, spellHead(chain, { seq, hash }))) };
}

export function isAuthenticHead(keys: KeyRing, { chain, seq, hash, keyId, mac }: HeadRow): Promise<boolean> {
  return isRightMac(keys, { keyId, mac }, spellHead(chain, { seq, hash }));
}

/** @throws RubotError `misconfigured` for a head that was changed: signing the next one would cover up what was done to the chain */
export async function toPosition(keys: KeyRing, head: HeadRow | undefined): Promise<ChainPosition> {
  if (head === undefined) return NO_ENTRY;
  if (!(await isAuthenticHead(keys, head))) throw refuseBrokenChain(head.chain, 'the head was not signed by a key that is held');
  return { seq: head.seq, hash: head.hash };
}

export function refuseBrokenChain(chain: string, what: string): RubotError {
  return new RubotError(
    'misconfigured',
    'Nothing was changed: the audit chain that tells of it does not end where it was left. Run rubot audit verify, and keep the former ENCRYPTION_SECRET as ENCRYPTION_SECRET_PREVIOUS.',
    { operatorDetail: `audit chain ${chain}: ${what}` },
  );
}

function spellHead(chain: string, { seq, hash }: ChainPosition): string {
  return JSON.stringify([chain, seq, hash]);
}
