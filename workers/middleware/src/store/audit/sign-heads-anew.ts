import type { KeyRing } from '@rubot/keys/derive';
import { and, asc, eq, gt, ne } from 'drizzle-orm';
import { type Database, runBatch, type Statement } from '../database.ts';
import { auditHeads } from '../schema.ts';
import { type HeadRow, isAuthenticHead, signHead } from './chain-head.ts';

export interface SignedHeads {
  readonly signed: number;
  /** Chains whose head was signed with neither key, or changed: they are left as they are. */
  readonly unknown: readonly string[];
}

const PAGE = 50;

/** Signs with the current key what was signed with the previous one, which can be taken away then. */
export async function signHeadsAnew(database: Database, keys: KeyRing): Promise<SignedHeads> {
  const unknown: string[] = [];
  let signed = 0;
  let after = '';
  for (;;) {
    const [heads] = await runBatch(database, [selectOutdated(database, keys, after)]);
    const last = heads.at(-1);
    if (last === undefined) return { signed, unknown };
    after = last.chain;
    const updates: Statement[] = [];
    for (const head of heads) {
      if (await isAuthenticHead(keys, head)) updates.push(replaceSignature(database, await signHead(keys, head.chain, head)));
      else unknown.push(head.chain);
    }
    const [first, ...others] = updates;
    if (first !== undefined) await runBatch(database, [first, ...others]);
    signed += updates.length;
  }
}

function selectOutdated(database: Database, keys: KeyRing, after: string) {
  return database
    .select()
    .from(auditHeads)
    .where(and(ne(auditHeads.keyId, keys.current.keyId), gt(auditHeads.chain, after)))
    .orderBy(asc(auditHeads.chain))
    .limit(PAGE);
}

/** Only while the chain ends where it did when it was read. */
function replaceSignature(database: Database, { chain, seq, hash, keyId, mac }: HeadRow): Statement {
  return database
    .update(auditHeads)
    .set({ keyId, mac })
    .where(and(eq(auditHeads.chain, chain), eq(auditHeads.seq, seq), eq(auditHeads.hash, hash)));
}
