import { SenderId, TenantId } from '@rubot/contracts/ids';
import { CreatedLinkPin, type CreateLinkPin } from '@rubot/contracts/link-pins';
import type { Command } from 'commander';
import { findAdminClient } from '../admin/admin-client.ts';
import { addGatewayOptions, type GatewayOptions } from '../admin/choose-gateway.ts';
import { toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { parseWith } from '../options/parse-id.ts';
import { printJson, printLine } from '../print-line.ts';

interface CreateOptions extends GatewayOptions {
  readonly tenant: string;
  readonly sender?: string;
  readonly json?: boolean;
}

export function addLinkPinCommand(program: Command, context: CliContext): void {
  const command = program.command('link-pin').description('PINs by which a person links a chat account to a tenant');
  addGatewayOptions(command.command('create'))
    .description('make a PIN that is good for 5 minutes and one use; the person sends it in the chat')
    .requiredOption('--tenant <id>', 'the tenant to link to', parseWith(TenantId))
    .option('--sender <id>', 'the only sender that may use it', parseWith(SenderId))
    .option('--json', 'print JSON for programs')
    .action((options: CreateOptions) => createPin(context, options));
}

async function createPin(context: CliContext, { tenant, sender, json, ...options }: CreateOptions): Promise<void> {
  const body: CreateLinkPin = sender === undefined ? {} : { sender_id: sender };
  const created = await findAdminClient(context, options).ask(CreatedLinkPin, {
    method: 'POST',
    path: toTenantPath(tenant, '/link-pins'),
    body,
  });
  if (json === true) return printJson(context.stdout, created);
  printLine(context.stdout, created.pin);
  printLine(context.stderr, `It links ${sender ?? 'whoever sends it first'} to ${created.tenant_id}, until ${created.expires_at}.`);
}
