import { type ApiToken, ApiTokenList } from '@rubot/contracts/api-tokens';
import { type AdminClient, findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import type { CliContext } from '../context.ts';
import { openTokenStore } from './token-store.ts';

export interface ListTokensOptions extends GatewayOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

const PAGE_SIZE = 200;

/** Those of a tenant, as the gateway knows them; without one, those that this machine has handles of. */
export async function listTokens(context: CliContext, { tenant, json, ...options }: ListTokensOptions): Promise<void> {
  if (tenant === undefined) return listKept(context, json === true);
  const tokens = await readTokens(findAdminClient(context, options), tenant);
  if (json === true) return void context.stdout.write(`${JSON.stringify(tokens, null, 2)}\n`);
  for (const token of tokens) context.stdout.write(`${toLine(token)}\n`);
  if (tokens.length === 0) context.stdout.write(`The tenant ${tenant} has no tokens.\n`);
}

async function listKept(context: CliContext, json: boolean): Promise<void> {
  const store = openTokenStore(context);
  const kept = (await store.list()).map(({ token: _, version: __, ...shown }) => shown);
  if (json) return void context.stdout.write(`${JSON.stringify(kept, null, 2)}\n`);
  for (const { action_handle, token_id, tenant_id, action_id, name, scopes, expires_at } of kept) {
    context.stdout.write(`${[action_handle, token_id, tenant_id, action_id, name, scopes.join(','), `until ${expires_at}`].join('  ')}\n`);
  }
  if (kept.length === 0)
    context.stdout.write(`No token is kept in ${store.folder}. Name a tenant with --tenant to see all of its tokens.\n`);
}

/** Every page of them. */
export async function readTokens(client: AdminClient, tenant: string): Promise<readonly ApiToken[]> {
  const tokens: ApiToken[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(cursor === undefined ? {} : { cursor }) });
    const page = await client.ask(ApiTokenList, { path: `/admin/tenants/${encodeURIComponent(tenant)}/tokens?${query}` });
    tokens.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return tokens;
}

function toLine(token: ApiToken): string {
  const end = token.revoked_at === null ? `until ${token.expires_at}` : `revoked ${token.revoked_at}`;
  const used = token.last_used_at === null ? 'never used' : `used ${token.last_used_at}`;
  return [token.token_id, `${token.hint}…`, token.name, token.scopes.join(','), end, used].join('  ');
}
