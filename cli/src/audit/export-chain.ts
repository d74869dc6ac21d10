import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AuditEntry } from '@rubot/contracts/audit';
import { parseJson } from '@rubot/contracts/parse-json';
import { RubotError } from '@rubot/errors';
import { findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { printLine } from '../print-line.ts';
import { type ChainOptions, nameChain, openRemoteChain, type RemoteChain } from './chain-of.ts';

export interface ExportOptions extends GatewayOptions, ChainOptions {
  readonly out?: string;
}

/** Names persons: nobody else on this machine may read it. */
const OWNER_ONLY = 0o600;

/** NDJSON, an entry a line, byte for byte as they were hashed. */
export async function exportChain(context: CliContext, { out, ...options }: ExportOptions): Promise<void> {
  const chain = openRemoteChain(findAdminClient(context, options), nameChain(options));
  if (out === undefined) return void (await copyLines(chain, async (text) => void context.stdout.write(text)));
  const path = resolve(context.workingDirectory, out);
  const count = await writeWhole(path, (write) => copyLines(chain, write));
  printLine(context.stderr, `${count} entries of ${chain.name} are in ${out}. Check it at any time: rubot audit verify --file ${out}`);
}

async function copyLines(chain: RemoteChain, write: (text: string) => Promise<void>): Promise<number> {
  let count = 0;
  let afterSeq = 0;
  for (;;) {
    const lines = await chain.readLines(afterSeq);
    const last = lines.at(-1);
    if (last === undefined) return count;
    await write(`${lines.join('\n')}\n`);
    count += lines.length;
    afterSeq = readSeq(last, afterSeq);
  }
}

/** Where a page ends the next one begins: one that leads nowhere would be read for ever. */
function readSeq(line: string, before: number): number {
  const entry = AuditEntry.safeParse(parseJson(line));
  if (entry.success && entry.data.seq > before) return entry.data.seq;
  throw new RubotError('upstream_failed', `What stands behind entry ${before} is no entry that follows it. See: rubot audit verify`);
}

/** A file that is there is a whole export: one that broke off does not take its place. */
async function writeWhole(path: string, work: (write: (text: string) => Promise<void>) => Promise<number>): Promise<number> {
  const partial = `${path}.partial`;
  const file = await open(partial, 'w', OWNER_ONLY);
  try {
    const count = await work(async (text) => void (await file.writeFile(text)));
    await file.sync();
    await file.close();
    await rename(partial, path);
    return count;
  } catch (thrown) {
    await file.close().catch(() => {});
    await rm(partial, { force: true });
    throw thrown;
  }
}
