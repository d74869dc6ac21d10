import type { ChainPosition } from '@rubot/audit/chain-verifier';
import { type ChainReport, verifyChain } from '@rubot/audit/verify-chain';
import type { AuditEntry, AuditHead } from '@rubot/contracts/audit';
import { type Auditing, importAuditKeys } from '../src/store/audit/auditing.ts';
import { ENV, type MiddlewareHarness } from './_harness.ts';

const TRACE_ID = 'ab'.repeat(16);

/** For a test that stands beside the Worker, on the same database and with the same secret. */
export async function startAuditing(actor: string, current = ENV.ENCRYPTION_SECRET, previous?: string): Promise<Auditing> {
  const open = await importAuditKeys({ current, previous });
  return open({
    actor,
    traceId: TRACE_ID,
    reportLost(_record, error) {
      throw error;
    },
  });
}

/** Over the routes, as the command does it. */
export function verify(middleware: MiddlewareHarness, chain: string, from?: ChainPosition): Promise<ChainReport> {
  return verifyChain({
    chain,
    source: {
      readEntries: (afterSeq) => readPage(middleware, chain, `after_seq=${afterSeq}&limit=1000`),
      readHead: async () => (await (await middleware.internal('GET', `audit/${chain}/head`)).json()) as AuditHead,
    },
    ...(from === undefined ? {} : { from }),
  });
}

export async function readEntries(middleware: MiddlewareHarness, chain: string): Promise<readonly AuditEntry[]> {
  return readPage(middleware, chain, 'limit=1000');
}

async function readPage(middleware: MiddlewareHarness, chain: string, query: string): Promise<readonly AuditEntry[]> {
  const response = await middleware.internal('GET', `audit/${chain}?${query}`);
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AuditEntry);
}

export async function runSql(middleware: MiddlewareHarness, statement: string, ...values: unknown[]): Promise<void> {
  await (await middleware.database())
    .prepare(statement)
    .bind(...values)
    .run();
}
