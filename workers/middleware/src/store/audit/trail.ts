import { type AuditEntry, type AuditHead, GENESIS_HASH, PLATFORM_CHAIN, type ReadAuditQuery } from '@rubot/contracts/audit';
import type { KeyRing } from '@rubot/keys/derive';
import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { type Database, runBatch } from '../database.ts';
import { auditEntries, tenants } from '../schema.ts';
import { appendAudit } from './append-entry.ts';
import type { Auditing, FailureRecord } from './auditing.ts';
import { isAuthenticHead, selectHead } from './chain-head.ts';
import { type SignedHeads, signHeadsAnew } from './sign-heads-anew.ts';

/** What was done and what was refused, as it can be read; changes write to it themselves, with `commitAudited`. */
export interface AuditTrail {
  /**
   * Tells of something that was not done, in the platform's chain where there is no such tenant. Never fails: a refusal stays one.
   *
   * @returns whether it was written, or left out as one too many or for want of a database, which the log has then
   */
  append(auditing: Auditing, record: FailureRecord): Promise<boolean>;
  /** Whether somebody would ever read it: the chain of a tenant, or the platform's. */
  isChain(chain: string): Promise<boolean>;
  readEntries(chain: string, page: ReadAuditQuery): Promise<readonly AuditEntry[]>;
  readHead(keys: KeyRing, chain: string): Promise<AuditHead>;
  /** To be done before the previous secret is taken away. */
  signHeadsAnew(keys: KeyRing): Promise<SignedHeads>;
}

const EXPORTED = {
  chain: auditEntries.chain,
  seq: auditEntries.seq,
  at: auditEntries.at,
  actor: auditEntries.actor,
  action: auditEntries.action,
  target: auditEntries.target,
  outcome: auditEntries.outcome,
  trace_id: auditEntries.traceId,
  // As text, so that one row that was tampered with cannot keep the others from being read.
  details: sql<string>`${auditEntries.details}`,
  prev_hash: auditEntries.prevHash,
  hash: auditEntries.hash,
};

export function createAuditTrail(database: Database): AuditTrail {
  return {
    async append(auditing, record) {
      try {
        return await appendAudit(database, auditing, await placeRecord(database, record));
      } catch (error) {
        auditing.context.reportLost(record, error);
        return false;
      }
    },
    isChain: (chain) => isChain(database, chain),
    async readEntries(chain, { after_seq: afterSeq, limit }) {
      // From the start there is no lower bound: a row that was put before the first one is to be seen.
      const behind = afterSeq === 0 ? undefined : gt(auditEntries.seq, afterSeq);
      const [rows] = await runBatch(database, [
        database
          .select(EXPORTED)
          .from(auditEntries)
          .where(and(eq(auditEntries.chain, chain), behind))
          .orderBy(asc(auditEntries.seq))
          .limit(limit),
      ]);
      return rows.map((row) => ({ ...row, details: readDetails(row.details) }));
    },
    async readHead(keys, chain) {
      const [[head]] = await runBatch(database, [selectHead(database, chain)]);
      if (head === undefined) return { chain, seq: 0, hash: GENESIS_HASH, is_authentic: true };
      return { chain, seq: head.seq, hash: head.hash, is_authentic: await isAuthenticHead(keys, head) };
    },
    signHeadsAnew: (keys) => signHeadsAnew(database, keys),
  };
}

async function placeRecord(database: Database, record: FailureRecord): Promise<FailureRecord> {
  if (await isChain(database, record.chain)) return record;
  return { ...record, chain: PLATFORM_CHAIN, details: { ...record.details, tenant_id: record.chain } };
}

async function isChain(database: Database, chain: string): Promise<boolean> {
  if (chain === PLATFORM_CHAIN) return true;
  const [found] = await runBatch(database, [
    database.select({ tenantId: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, chain)),
  ]);
  return found.length > 0;
}

function readDetails(text: string): Record<string, unknown> {
  try {
    const details: unknown = JSON.parse(text);
    if (typeof details === 'object' && details !== null && !Array.isArray(details)) return details as Record<string, unknown>;
  } catch {
    // Told below, as what it is.
  }
  return { unreadable: text };
}
