import { TenantId } from '@rubot/contracts/ids';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addGatewayOptions } from '../admin/choose-gateway.ts';
import { type ExportOptions, exportChain } from '../audit/export-chain.ts';
import { type VerifyOptions, verifyAudit } from '../audit/verify-audit.ts';
import type { CliContext } from '../context.ts';
import { parseWith } from '../options/parse-id.ts';

export function addAuditCommand(program: Command, context: CliContext): void {
  const command = program.command('audit').description('who did what: export it, and prove that nothing of it was changed');
  addChainOptions(command.command('export'))
    .description('write a chain as NDJSON, an entry a line')
    .option('--out <file>', 'the file to write (default: print it)')
    .action((options: ExportOptions) => exportChain(context, options));
  addChainOptions(command.command('verify'))
    .description('find any entry that was changed, deleted or moved, in the database or in an export')
    .option('--file <file>', 'an export, instead of the chain itself')
    .option('--expect <seq:hash>', 'an end that was noted earlier: it has to be part of the chain still', parsePosition)
    .action((options: VerifyOptions) => verifyAudit(context, options));
}

function addChainOptions(command: Command): Command {
  return addGatewayOptions(command)
    .option('--tenant <id>', 'the chain of a tenant', parseWith(TenantId))
    .addOption(new Option('--platform', 'the chain of what concerns no tenant').conflicts('tenant'));
}

function parsePosition(text: string): { readonly seq: number; readonly hash: string } {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new InvalidArgumentError('It must be a number, a colon and 64 hex digits, as verify prints them.');
}
