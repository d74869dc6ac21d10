import { type IssueApiToken, IssuedApiToken } from '@rubot/contracts/api-tokens';
import { RubotError } from '@rubot/errors';
import { type AdminClient, findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import { toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../print-line.ts';
import { openTokenStore, type StoredToken } from './token-store.ts';

export interface IssueOptions extends GatewayOptions {
  readonly tenant: string;
  readonly name: string;
  readonly scopes: IssueApiToken['scopes'];
  readonly ttl: number;
  readonly actionId: string;
  readonly rpm?: number;
  readonly tpm?: number;
  readonly concurrent?: number;
  readonly usdPerDay?: number;
  readonly usdPerMonth?: number;
  readonly revealToken?: boolean;
  readonly json?: boolean;
}

/** Prints the handle, and keeps the token. What can be piped stands on stdout, and what is for a person on stderr. */
export async function issueToken(context: CliContext, options: IssueOptions): Promise<void> {
  const client = findAdminClient(context, options);
  const store = openTokenStore(context);
  await store.prepare();
  const path = toTenantPath(options.tenant, '/tokens');
  const issued = await client.ask(IssuedApiToken, { method: 'POST', path, body: toRequest(options) });
  const stored = toStored(client, issued);
  await store.save(stored).catch((cause: unknown) => withdraw(client, `${path}/${issued.token_id}`, cause));
  const { token, gateway_url: _, version: __, ...shown } = stored;
  const revealed = options.revealToken === true ? { token } : {};
  if (options.json === true) return printJson(context.stdout, { ...shown, ...revealed });
  for (const line of [stored.action_handle, ...Object.values(revealed)]) printLine(context.stdout, line);
  printLine(context.stderr, `${issued.token_id} of ${issued.tenant_id} is good until ${issued.expires_at}, and kept in ${store.folder}.`);
  const use = `--handle ${stored.action_handle} --action-id ${stored.action_id} --scopes ${stored.scopes.join(',')}`;
  printLine(context.stderr, `Use it: rubot token exec ${use} -- <command>`);
}

function toRequest({ name, scopes, ttl, actionId, ...options }: IssueOptions): IssueApiToken {
  const limits = {
    ...(options.rpm === undefined ? {} : { requests_per_minute: options.rpm }),
    ...(options.tpm === undefined ? {} : { tokens_per_minute: options.tpm }),
    ...(options.concurrent === undefined ? {} : { concurrent_runs: options.concurrent }),
    ...(options.usdPerDay === undefined ? {} : { usd_per_day: options.usdPerDay }),
    ...(options.usdPerMonth === undefined ? {} : { usd_per_month: options.usdPerMonth }),
  };
  return { name, scopes, ttl_seconds: ttl, action_id: actionId, ...(Object.keys(limits).length === 0 ? {} : { limits }) };
}

function toStored({ gatewayUrl }: AdminClient, issued: IssuedApiToken): StoredToken {
  const { action_handle, action_id, tenant_id, token_id, name, token, scopes, expires_at } = issued;
  if (action_handle === undefined || action_id === undefined) {
    throw new RubotError('upstream_failed', `${gatewayUrl} made no handle for ${token_id}. Deploy a newer gateway and middleware.`);
  }
  return { version: 1, gateway_url: gatewayUrl, tenant_id, token_id, name, token, action_handle, action_id, scopes, expires_at };
}

/** A token that nobody has is not left open. */
async function withdraw(client: AdminClient, path: string, cause: unknown): Promise<never> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  await client.askText({ method: 'DELETE', path });
  throw new RubotError('misconfigured', `The token could not be kept, and was revoked: ${reason}.`, { cause });
}
