import { isActionHandle, isApiToken } from '@rubot/bearer/api-token';
import { TokenId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { type AdminClient, findAdminClient } from '../admin/admin-client.ts';
import type { GatewayOptions } from '../admin/choose-gateway.ts';
import { toTenantPath } from '../admin/read-pages.ts';
import type { CliContext } from '../context.ts';
import { printLine } from '../print-line.ts';
import { readTokens } from './list-tokens.ts';
import { openTokenStore, type TokenStore } from './token-store.ts';

export interface RevokeOptions extends GatewayOptions {
  readonly tenant?: string;
}

interface TokenToRevoke {
  readonly client: AdminClient;
  readonly tenant: string;
  readonly tokenId: string;
}

/** Ends a token, and with it its handles, here and everywhere. */
export async function revokeToken(context: CliContext, named: string, options: RevokeOptions): Promise<void> {
  const store = openTokenStore(context);
  const { client, tenant, tokenId } = await findToken(context, store, named, options);
  const isNew = await revokeAt(client, toTenantPath(tenant, `/tokens/${tokenId}`));
  const forgotten = await store.forget(tokenId);
  const kept = forgotten === 0 ? '' : ` ${forgotten} handle(s) of it were removed from ${store.folder}.`;
  const end = isNew ? 'is revoked: within 5 seconds it opens nothing.' : 'is not there any more.';
  printLine(context.stdout, `${tokenId} of ${tenant} ${end}${kept}`);
}

async function findToken(context: CliContext, store: TokenStore, named: string, options: RevokeOptions): Promise<TokenToRevoke> {
  const kept = (await store.list()).find((token) => [token.token_id, token.action_handle, token.token].includes(named));
  if (kept !== undefined) {
    const hasOwn = options.gateway !== undefined || options.env !== undefined;
    const client = findAdminClient(context, hasOwn ? options : { gateway: kept.gateway_url });
    return { client, tenant: kept.tenant_id, tokenId: kept.token_id };
  }
  if (isActionHandle(named))
    throw new RubotError('not_found', `${store.folder} has no such handle. Name its token: rubot token list --tenant … shows them.`);
  const { tenant } = options;
  if (tenant === undefined)
    throw new RubotError('invalid_request', 'The token is none that this machine keeps. Say whose it is with --tenant.');
  const client = findAdminClient(context, options);
  return { client, tenant, tokenId: TokenId.safeParse(named).success ? named : await findByHint(client, tenant, named) };
}

/** The gateway does not tell whose a token is; how it begins does, where no other of the tenant begins so. */
async function findByHint(client: AdminClient, tenant: string, token: string): Promise<string> {
  const tokens = (await readTokens(client, tenant)).filter(({ hint, revoked_at }) => revoked_at === null && token.startsWith(hint));
  const [found] = tokens;
  if (isApiToken(token) && found !== undefined && tokens.length === 1) return found.token_id;
  throw new RubotError(
    'not_found',
    `No single token of ${tenant} that is alive begins so. Name its id: rubot token list --tenant ${tenant} shows them.`,
  );
}

/** @returns false for one that was revoked already, or never was */
async function revokeAt(client: AdminClient, path: string): Promise<boolean> {
  try {
    await client.askText({ method: 'DELETE', path });
    return true;
  } catch (thrown) {
    if (RubotError.is(thrown) && thrown.code === 'not_found') return false;
    throw thrown;
  }
}
