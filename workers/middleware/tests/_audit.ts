import { type ChainReport, verifyChain } from '@rubot/audit/verify-chain';
import type { AuditEntry, AuditHead } from '@rubot/contracts/audit';
import { type Auditing, importAuditKeys } from '../src/store/audit/auditing.ts';
import { createAuditTrail } from '../src/store/audit/trail.ts';
import { openDatabase } from '../src/store/database.ts';
import { ENV, type MiddlewareHarness } from './_harness.ts';

const TRACE_ID = 'ab'.repeat(16);

/** For a test that stands beside the Worker, on the same database and with the same secret. */
export async function startAuditing(
  actor: string,
  secret: { current: string; previous?: string } = { current: ENV.ENCRYPTION_SECRET },
): Promise<Auditing> {
  const open = await importAuditKeys({ current: secret.current, previous: secret.previous });
  return open({ actor, traceId: TRACE_ID });
}

/** As the command does it, from the database itself. */
export async function verify(middleware: MiddlewareHarness, chain: string): Promise<ChainReport> {
  const trail = createAuditTrail(openDatabase(await middleware.database()));
  const { keys } = await startAuditing('operator');
  return verifyChain({
    chain,
    source: {
      readEntries: (afterSeq) => trail.readEntries(chain, { after_seq: afterSeq, limit: 7 }),
      readHead: (): Promise<AuditHead> => trail.readHead(keys, chain),
    },
  });
}

export async function readEntries(middleware: MiddlewareHarness, chain: string): Promise<readonly AuditEntry[]> {
  const trail = createAuditTrail(openDatabase(await middleware.database()));
  return trail.readEntries(chain, { after_seq: 0, limit: 1_000 });
}
