import type { ChainPosition } from '@rubot/audit/chain-verifier';
import { hashEntry } from '@rubot/audit/hash-entry';
import type { AuditEntry } from '@rubot/contracts/audit';
import type { BatchResponse } from 'drizzle-orm/batch';
import { type Database, isConstraintBroken, runBatch, type Statement } from '../database.ts';
import { auditEntries } from '../schema.ts';
import type { Auditing, AuditOutcome, AuditRecord, FailureRecord } from './auditing.ts';
import { type HeadRow, refuseBrokenChain, saveHead, selectHead, signHead, toPosition } from './chain-head.ts';
import { CHANGE, inTurn, REFUSAL } from './in-turn.ts';
import { isRepeated, selectLatest } from './repeats.ts';

const MAX_TARGET_LENGTH = 300;

/**
 * Runs the statements and appends the entry that says so, both or neither.
 *
 * @throws RubotError `conflict` when a constraint refuses the statements, `unavailable` when the database cannot answer or the chain
 * is written to by too many at once, `misconfigured` when the chain was tampered with
 */
export async function commitAudited<const Statements extends readonly Statement[]>(
  database: Database,
  auditing: Auditing,
  record: AuditRecord,
  statements: Statements,
): Promise<BatchResponse<Statements>> {
  const { chain } = record;
  return inTurn(auditing, chain, CHANGE, async (patience) => {
    let last = auditing.heads.recall(chain) ?? (await readLast(database, auditing, chain));
    for (;;) {
      const results = await tryToAppend(database, auditing, { record, last, statements });
      if (results !== undefined) return results;
      await patience.pause();
      last = await readLast(database, auditing, chain, last);
    }
  });
}

/**
 * Appends the entry of something that was not done. One that says the same as a fresh one, or one too many of its actor, is left out:
 * whoever is refused cannot fill the database.
 *
 * @returns whether it was written
 */
export async function appendAudit(database: Database, auditing: Auditing, record: FailureRecord): Promise<boolean> {
  const { chain } = record;
  const refusal = { ...record, actor: auditing.context.actor, target: toTarget(record.target) };
  const look = () => runBatch(database, [selectHead(database, chain), selectLatest(database, chain)]);
  // Looked at before its turn too: what is left out waits for nobody.
  const [, before] = await look();
  if (isRepeated(before, refusal, Date.now())) return false;
  return inTurn(auditing, chain, REFUSAL, async (patience) => {
    let last: ChainPosition | undefined;
    for (;;) {
      const [[head], latest] = await look();
      if (isRepeated(latest, refusal, Date.now())) return false;
      last = await toNext(auditing, chain, head, last);
      if ((await tryToAppend(database, auditing, { record, last, statements: [] })) !== undefined) return true;
      await patience.pause();
    }
  });
}

interface Attempt<Statements extends readonly Statement[]> {
  readonly record: AuditRecord;
  readonly last: ChainPosition;
  readonly statements: Statements;
}

/** `undefined` when another entry has taken the place. */
async function tryToAppend<const Statements extends readonly Statement[]>(
  database: Database,
  auditing: Auditing,
  { record, last, statements }: Attempt<Statements>,
): Promise<BatchResponse<Statements> | undefined> {
  const { keys, heads } = auditing;
  const entry = await makeEntry(auditing, record, last);
  const head = await signHead(keys, record.chain, entry);
  try {
    // The entry goes first: when its place is taken, nothing else needs to be tried.
    const results = await runBatch(database, [database.insert(auditEntries).values(toRow(entry)), saveHead(database, head), ...statements]);
    heads.remember(record.chain, { seq: entry.seq, hash: entry.hash });
    return withoutOurs<Statements>(results);
  } catch (error) {
    heads.forget(record.chain);
    if (isConstraintBroken(error, 'audit_entries.chain, audit_entries.seq')) return undefined;
    throw error;
  }
}

/** The results of the entry and the head, with which each batch here begins, are nobody else's. */
function withoutOurs<Statements extends readonly Statement[]>(results: readonly unknown[]): BatchResponse<Statements> {
  return results.slice(2) as unknown as BatchResponse<Statements>;
}

async function makeEntry({ context }: Auditing, record: AuditRecord, last: ChainPosition): Promise<AuditEntry> {
  const entry = {
    chain: record.chain,
    seq: last.seq + 1,
    at: new Date().toISOString(),
    actor: context.actor,
    action: record.action,
    target: toTarget(record.target),
    outcome: record.outcome ?? 'done',
    trace_id: context.traceId,
    // As it will be read back: what JSON cannot say must not be hashed.
    details: JSON.parse(JSON.stringify(record.details ?? {})) as Record<string, unknown>,
    prev_hash: last.hash,
  };
  return { ...entry, hash: await hashEntry(entry) };
}

function toRow({ trace_id: traceId, prev_hash: prevHash, outcome, ...entry }: AuditEntry): typeof auditEntries.$inferInsert {
  return { ...entry, outcome: outcome as AuditOutcome, traceId, prevHash };
}

function toTarget(target: string): string {
  return target.slice(0, MAX_TARGET_LENGTH).toWellFormed();
}

async function readLast(database: Database, auditing: Auditing, chain: string, tried?: ChainPosition): Promise<ChainPosition> {
  const [[head]] = await runBatch(database, [selectHead(database, chain)]);
  return toNext(auditing, chain, head, tried);
}

/** @param tried the end that was built upon in vain: the chain must have grown since */
async function toNext({ keys }: Auditing, chain: string, head: HeadRow | undefined, tried?: ChainPosition): Promise<ChainPosition> {
  const last = await toPosition(keys, head);
  if (tried !== undefined && last.seq <= tried.seq) throw refuseBrokenChain(chain, `there are entries behind its head, at ${last.seq}`);
  return last;
}
