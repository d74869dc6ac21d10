import { ReencryptReport } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import type { Command } from 'commander';
import { z } from 'zod';
import { findAdminClient } from '../admin/admin-client.ts';
import { addGatewayOptions, type GatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { printLine } from '../print-line.ts';

export function addCredentialsCommand(program: Command, context: CliContext): void {
  const command = program.command('credentials').description('what the middleware keeps encrypted');
  addGatewayOptions(command.command('reencrypt'))
    .description('bring all of it under the current ENCRYPTION_SECRET, so that the former one can go')
    .action((options: GatewayOptions) => reencrypt(context, options));
}

/** Heads of audit chains are signed anew along the way. */
const Report = ReencryptReport.extend({ audit_heads: z.looseObject({ signed: z.number(), unreadable: z.number() }).optional() });

async function reencrypt(context: CliContext, options: GatewayOptions): Promise<void> {
  const client = findAdminClient(context, options);
  let total = 0;
  let report: z.infer<typeof Report>;
  do {
    report = await client.ask(Report, { method: 'POST', path: '/admin/credentials/reencrypt' });
    total += report.reencrypted;
  } while (report.remaining > 0 && report.reencrypted > 0);
  printLine(
    context.stdout,
    `${total} brought under the current key, ${report.remaining} left, ${report.unreadable} unreadable; ${report.audit_heads?.signed ?? 0} audit chains signed anew.`,
  );
  const unreadable = report.unreadable + (report.audit_heads?.unreadable ?? 0);
  if (unreadable > 0) {
    const remedy = 'Their key is gone: bring it back as ENCRYPTION_SECRET_PREVIOUS, or save these credentials anew.';
    throw new RubotError('conflict', `${unreadable} cannot be read with any key that the middleware holds. ${remedy}`);
  }
  if (report.remaining > 0) throw new RubotError('conflict', `${report.remaining} are left as they were. Run it again.`);
}
