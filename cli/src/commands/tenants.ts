import { TenantId } from '@rubot/contracts/ids';
import { SaveTenant, Tenant, TenantList } from '@rubot/contracts/tenants';
import { RubotError } from '@rubot/errors';
import type { Command } from 'commander';
import { z } from 'zod';
import { findAdminClient } from '../admin/admin-client.ts';
import { addGatewayOptions, type GatewayOptions } from '../admin/choose-gateway.ts';
import { readPages, toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { parseWith } from '../options/parse-id.ts';
import { printJson, printLine } from '../print-line.ts';
import { readJsonFile } from '../read-json-file.ts';

interface ListOptions extends GatewayOptions {
  readonly json?: boolean;
}

export function addTenantsCommand(program: Command, context: CliContext): void {
  const command = program.command('tenants').description('tenants: what each may use, and how much');
  addGatewayOptions(command.command('list', { isDefault: true }))
    .description('show all of them')
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) => list(context, options));
  addGatewayOptions(command.command('show'))
    .description('print one as JSON, as save takes it')
    .argument('<tenant>', 'its id', parseWith(TenantId))
    .action((tenant: string, options: GatewayOptions) => show(context, tenant, options));
  addGatewayOptions(command.command('save'))
    .description('create a tenant, or change it to what a file states')
    .argument('<file>', 'JSON: tenant_id, name, agent_policy, agents, tool_policy, tools, approve_writes, limits')
    .action((file: string, options: GatewayOptions) => save(context, file, options));
}

async function list(context: CliContext, { json, ...options }: ListOptions): Promise<void> {
  const tenants = await readPages(findAdminClient(context, options), TenantList, '/admin/tenants');
  if (json === true) return printJson(context.stdout, tenants);
  for (const tenant of tenants) printLine(context.stdout, tenant.tenant_id, tenant.name, describeAccess(tenant), describeLimits(tenant));
  if (tenants.length === 0) printLine(context.stdout, 'There are no tenants.');
}

function describeAccess({ agent_policy, agents, tool_policy, tools, approve_writes }: Tenant): string {
  const named = (policy: string, enabled: readonly string[]) => (policy === 'all' ? 'all' : enabled.join(',') || 'none');
  const agentNames = agents.flatMap(({ agent_id, enabled }) => (enabled ? [agent_id] : []));
  const toolNames = tools.flatMap(({ tool, enabled }) => (enabled ? [tool] : []));
  const approval = approve_writes ? ', writes need approval' : '';
  return `agents: ${named(agent_policy, agentNames)}, tools: ${named(tool_policy, toolNames)}${approval}`;
}

function describeLimits({ limits }: Tenant): string {
  const parts = Object.entries(limits).map(([name, value]) => `${name} ${String(value)}`);
  return parts.length === 0 ? 'no limits' : parts.join(', ');
}

async function show(context: CliContext, tenantId: string, options: GatewayOptions): Promise<void> {
  const { created_at: _, ...tenant } = await findAdminClient(context, options).ask(Tenant, { path: toTenantPath(tenantId) });
  printJson(context.stdout, tenant);
}

async function save(context: CliContext, file: string, options: GatewayOptions): Promise<void> {
  const stated = SaveTenant.safeParse(await readJsonFile(context, file));
  if (!stated.success) throw new RubotError('invalid_request', `${file} states no tenant:\n${z.prettifyError(stated.error)}`);
  const saved = await findAdminClient(context, options).ask(Tenant, { method: 'POST', path: '/admin/tenants', body: stated.data });
  printLine(context.stdout, `${saved.tenant_id} is as ${file} states.`);
}
