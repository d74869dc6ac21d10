import { resolve } from 'node:path';
import { type ChainFinding, type ChainPosition, createChainVerifier } from '@rubot/audit/chain-verifier';
import { verifyChain } from '@rubot/audit/verify-chain';
import { AuditEntry, GENESIS_HASH } from '@rubot/contracts/audit';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import { findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { printLine } from '../print-line.ts';
import { type ChainOptions, nameChain, openRemoteChain } from './chain-of.ts';
import { readFileLines } from './read-file-lines.ts';

export interface VerifyOptions extends GatewayOptions, ChainOptions {
  readonly file?: string;
  readonly expect?: ChainPosition;
}

interface Verdict {
  readonly chain: string;
  readonly findings: readonly ChainFinding[];
  readonly leftOut: number;
  readonly entries: number;
  readonly end: ChainPosition;
}

const MAX_FINDINGS = 100;

/** Exit status 1, and the first entry that is wrong, where any is. */
export async function verifyAudit(context: CliContext, options: VerifyOptions): Promise<void> {
  const witness = createWitness(options.expect);
  const verdict =
    options.file === undefined ? await verifyRemote(context, options, witness) : await verifyFile(context, options.file, options, witness);
  const findings = [...verdict.findings, ...witness.judge()];
  for (const { message } of findings) printLine(context.stdout, message);
  if (verdict.leftOut > 0) printLine(context.stdout, `And ${verdict.leftOut} more.`);
  const [first] = findings;
  if (first !== undefined) throw new RubotError('conflict', `The chain ${verdict.chain} is not whole: ${first.message}`);
  const { seq, hash } = verdict.end;
  printLine(context.stdout, `${verdict.entries} entries of ${verdict.chain}: none changed, none missing, none moved.`);
  if (options.file !== undefined)
    printLine(context.stdout, 'Whether the file ends where the chain did, a file cannot show: compare its end, or pass --expect.');
  printLine(context.stdout, `Its end, to be kept elsewhere and shown the next time with --expect: ${seq}:${hash}`);
}

/** Remembers whether an end that was noted earlier is still part of the chain. */
interface Witness {
  see(entry: unknown): void;
  judge(): readonly ChainFinding[];
}

function createWitness(expected: ChainPosition | undefined): Witness {
  let hash = expected?.seq === 0 ? GENESIS_HASH : undefined;
  return {
    see(line) {
      const entry = AuditEntry.safeParse(line);
      if (entry.success && entry.data.seq === expected?.seq) hash = entry.data.hash;
    },
    judge() {
      if (expected === undefined || hash === expected.hash) return [];
      const { seq } = expected;
      if (hash === undefined)
        return [{ fault: 'cut_off', seq, message: `Entry ${seq}, which was there when its hash was noted, is gone.` }];
      return [{ fault: 'changed', seq, message: `Entry ${seq} is another one than when its hash was noted.` }];
    },
  };
}

async function verifyRemote(context: CliContext, options: VerifyOptions, witness: Witness): Promise<Verdict> {
  const chain = openRemoteChain(findAdminClient(context, options), nameChain(options));
  const source = {
    async readEntries(afterSeq: number) {
      const entries = (await chain.readLines(afterSeq)).map(toValue);
      entries.forEach(witness.see);
      return entries;
    },
    readHead: chain.readHead,
  };
  return { chain: chain.name, ...(await verifyChain({ chain: chain.name, source })) };
}

async function verifyFile({ workingDirectory }: CliContext, file: string, options: ChainOptions, witness: Witness): Promise<Verdict> {
  const findings: ChainFinding[] = [];
  let chain = options.tenant ?? (options.platform === true ? nameChain(options) : undefined);
  let verifier: ReturnType<typeof createChainVerifier> | undefined;
  let entries = 0;
  let found = 0;
  for await (const line of readFileLines(resolve(workingDirectory, file), file)) {
    const entry = toValue(line);
    chain ??= readChain(entry);
    verifier ??= createChainVerifier({ chain });
    const added = await verifier.add(entry);
    findings.push(...added.slice(0, MAX_FINDINGS - findings.length));
    found += added.length;
    entries += 1;
    witness.see(entry);
  }
  const end = verifier?.position ?? { seq: 0, hash: GENESIS_HASH };
  return { chain: chain ?? 'this file', findings, leftOut: found - findings.length, entries, end };
}

/** A line that is no JSON is handed on as text, which is no entry. */
function toValue(line: string): unknown {
  return parseJson(line) ?? line;
}

function readChain(entry: unknown): string {
  const first = AuditEntry.safeParse(entry);
  return first.success ? first.data.chain : '';
}
