import { type ApiToken, ApiTokenList } from '@rubot/contracts/api-tokens';
import { type AdminClient, findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import { readPages, toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../print-line.ts';
import { openTokenStore } from './token-store.ts';

export interface ListTokensOptions extends GatewayOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** Those of a tenant, as the gateway knows them; without one, those that this machine has handles of. */
export async function listTokens(context: CliContext, { tenant, json, ...options }: ListTokensOptions): Promise<void> {
  if (tenant === undefined) return listKept(context, json === true);
  const tokens = await readTokens(findAdminClient(context, options), tenant);
  if (json === true) return printJson(context.stdout, tokens);
  for (const token of tokens) printLine(context.stdout, ...toColumns(token));
  if (tokens.length === 0) printLine(context.stdout, `The tenant ${tenant} has no tokens.`);
}

async function listKept(context: CliContext, json: boolean): Promise<void> {
  const store = openTokenStore(context);
  const kept = (await store.list()).map(({ token: _, version: __, ...shown }) => shown);
  if (json) return printJson(context.stdout, kept);
  for (const { action_handle, token_id, tenant_id, action_id, name, scopes, expires_at } of kept) {
    printLine(context.stdout, action_handle, token_id, tenant_id, action_id, name, scopes.join(','), `until ${expires_at}`);
  }
  if (kept.length === 0)
    printLine(context.stdout, `No token is kept in ${store.folder}. Name a tenant with --tenant to see all of its tokens.`);
}

export function readTokens(client: AdminClient, tenant: string): Promise<readonly ApiToken[]> {
  return readPages(client, ApiTokenList, toTenantPath(tenant, '/tokens'));
}

function toColumns(token: ApiToken): readonly string[] {
  const end = token.revoked_at === null ? `until ${token.expires_at}` : `revoked ${token.revoked_at}`;
  const used = token.last_used_at === null ? 'never used' : `used ${token.last_used_at}`;
  return [token.token_id, `${token.hint}…`, token.name, token.scopes.join(','), end, used];
}
