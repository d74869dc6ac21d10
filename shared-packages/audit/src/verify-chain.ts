import type { AuditHead } from '@rubot/contracts/audit';
import { type ChainFinding, type ChainPosition, createChainVerifier } from './chain-verifier.ts';

/** Where a chain is read from. */
export interface ChainSource {
  /** The entries behind `afterSeq` in order, as many as come at once; none when there are no more. */
  readEntries(afterSeq: number): Promise<readonly unknown[]>;
  readHead(): Promise<AuditHead>;
}

export interface VerifyChainOptions {
  readonly chain: string;
  readonly source: ChainSource;
  /** An end that was verified before: only what comes behind it is read, and that it is still part of the chain. */
  readonly from?: ChainPosition;
}

export interface ChainReport {
  readonly findings: readonly ChainFinding[];
  /** How many findings there were beyond those told. */
  readonly leftOut: number;
  readonly entries: number;
  /** Where the chain ends: note it, and verify from it the next time. */
  readonly end: ChainPosition;
}

const MAX_FINDINGS = 100;

/** Verifies a chain that is being written to meanwhile: the head is read behind the entries, and entries again up to the head. */
export async function verifyChain({ chain, source, from }: VerifyChainOptions): Promise<ChainReport> {
  const verifier = createChainVerifier({ chain, ...(from === undefined ? {} : { from }) });
  const findings: ChainFinding[] = [];
  let found = 0;
  let entries = 0;

  function report(added: readonly ChainFinding[]): void {
    found += added.length;
    findings.push(...added.slice(0, MAX_FINDINGS - findings.length));
  }

  async function readOn(): Promise<boolean> {
    const before = verifier.position.seq;
    const page = await source.readEntries(before);
    for (const entry of page) report(await verifier.add(entry));
    entries += page.length;
    // A page that leads nowhere would be read for ever.
    return verifier.position.seq > before;
  }

  while (await readOn());
  let head = await source.readHead();
  while (head.seq > verifier.position.seq && (await readOn())) head = await source.readHead();
  report(verifier.finish(head));
  return { findings, leftOut: found - findings.length, entries, end: verifier.position };
}
