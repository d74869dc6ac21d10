import { Connection, ConnectionList, SaveConnection } from '@rubot/contracts/connections';
import { ProviderId, TenantId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import type { Command } from 'commander';
import { z } from 'zod';
import { findAdminClient } from '../admin/admin-client.ts';
import { addGatewayOptions, type GatewayOptions } from '../admin/choose-gateway.ts';
import { toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { parseWith } from '../options/parse-id.ts';
import { printJson, printLine } from '../print-line.ts';
import { readJsonFile } from '../read-json-file.ts';

interface TenantOptions extends GatewayOptions {
  readonly tenant: string;
}

interface ListOptions extends TenantOptions {
  readonly json?: boolean;
}

interface SaveOptions extends TenantOptions {
  readonly openapi?: string;
  readonly credentialVariable?: string;
}

export function addConnectionsCommand(program: Command, context: CliContext): void {
  const command = program.command('connections').description('what a tenant’s agents can reach outside: HTTP APIs and MCP servers');
  const add = (name: string, isDefault = false) =>
    addGatewayOptions(command.command(name, { isDefault })).requiredOption('--tenant <id>', 'whose it is', parseWith(TenantId));
  add('list', true)
    .description('show them with their tools, and what is not offered, and why')
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) => list(context, options));
  add('save')
    .description('create a connection, or change it to what a file states')
    .argument('<provider>', 'its name, with which those of its tools begin', parseWith(ProviderId))
    .argument('<file>', 'JSON: kind, base_url and openapi, or url; auth, include, overrides')
    .option('--openapi <file>', 'the OpenAPI document, as JSON, where it is a file of its own')
    .option('--credential-variable <name>', 'the variable of this environment that holds the credential')
    .action((provider: string, file: string, options: SaveOptions) => save(context, provider, file, options));
  add('delete')
    .description('take a connection away, with its credential')
    .argument('<provider>', 'its name', parseWith(ProviderId))
    .action((provider: string, options: TenantOptions) => remove(context, provider, options));
  add('refresh')
    .description('look at its upstream’s tools anew')
    .argument('<provider>', 'its name', parseWith(ProviderId))
    .action((provider: string, options: TenantOptions) => refresh(context, provider, options));
}

async function list(context: CliContext, { tenant, json, ...options }: ListOptions): Promise<void> {
  const { data } = await findAdminClient(context, options).ask(ConnectionList, { path: toTenantPath(tenant, '/connections') });
  if (json === true) return printJson(context.stdout, data);
  for (const connection of data) print(context, connection);
  if (data.length === 0) printLine(context.stdout, `The tenant ${tenant} has no connections.`);
}

function print({ stdout }: CliContext, connection: Connection): void {
  const { provider_id, kind, url, auth, has_credential, tools, not_offered = [], updated_at } = connection;
  const credential = has_credential ? 'with a credential' : 'without a credential';
  printLine(stdout, provider_id, kind, url, `auth: ${auth.type}, ${credential}`, `updated ${updated_at}`);
  for (const { name, effect, needs_approval } of tools)
    printLine(stdout, `  ${name}`, needs_approval ? `${effect}, needs approval` : effect);
  for (const { name, reason } of not_offered) printLine(stdout, `  ${name}`, `not offered: ${reason}`);
}

async function save(context: CliContext, provider: string, file: string, { tenant, ...options }: SaveOptions): Promise<void> {
  const stated = await readJsonFile(context, file);
  const openapi = options.openapi === undefined ? {} : { openapi: await readJsonFile(context, options.openapi) };
  const connection = SaveConnection.safeParse(isObject(stated) ? { ...stated, ...openapi, ...readCredential(context, options) } : stated);
  if (!connection.success) throw new RubotError('invalid_request', `${file} states no connection:\n${z.prettifyError(connection.error)}`);
  const path = toConnectionPath(tenant, provider);
  print(context, await findAdminClient(context, options).ask(Connection, { method: 'PUT', path, body: connection.data }));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Never as an argument: those are seen by everybody on this machine. */
function readCredential(
  { environment }: CliContext,
  { credentialVariable: name }: Pick<SaveOptions, 'credentialVariable'>,
): { credential?: string } {
  if (name === undefined) return {};
  const credential = environment[name] ?? '';
  if (credential === '') throw new RubotError('invalid_request', `${name} is not set.`);
  return { credential };
}

async function remove(context: CliContext, provider: string, { tenant, ...options }: TenantOptions): Promise<void> {
  await findAdminClient(context, options).askText({ method: 'DELETE', path: toConnectionPath(tenant, provider) });
  printLine(context.stdout, `${provider} of ${tenant} is gone, and its credential with it.`);
}

async function refresh(context: CliContext, provider: string, { tenant, ...options }: TenantOptions): Promise<void> {
  const path = `${toConnectionPath(tenant, provider)}/refresh`;
  print(context, await findAdminClient(context, options).ask(Connection, { method: 'POST', path }));
}

function toConnectionPath(tenant: string, provider: string): string {
  return toTenantPath(tenant, `/connections/${encodeURIComponent(provider)}`);
}
