import type { Connection, SaveConnection } from '@rubot/contracts/connections';
import { RubotError } from '@rubot/errors';
import type { MiddlewareDeps } from '../../deps.ts';
import { readConnection } from '../../providers/connected/connection.ts';
import type { ConnectionConfig, Snapshot } from '../../providers/connected/snapshot.ts';
import { openUpstream } from '../../providers/connected/upstream.ts';
import { lookAtDocument } from '../../providers/http/look.ts';
import { lookAtServer } from '../../providers/mcp/look.ts';
import { checkTarget } from '../../providers/outbound/target.ts';
import type { Auditing } from '../../store/audit/auditing.ts';
import type { ConnectionChange, ConnectionKey } from '../../store/connections.ts';
import { auditFailures } from '../audit/audit-failures.ts';
import { type ChosenCredential, chooseCredential } from './choose-credential.ts';
import { findRow } from './find.ts';
import { storeUnchanged } from './store-unchanged.ts';
import { rowToConnection } from './to-connection.ts';

export interface SaveRequest {
  readonly key: ConnectionKey;
  readonly input: SaveConnection;
}

/**
 * Looks at an upstream and keeps what it offers, with the credential that opens it.
 *
 * @throws RubotError `invalid_request`, `not_found` for an unknown tenant, `conflict`, or what the upstream fails with
 */
export async function saveConnection(
  deps: MiddlewareDeps,
  auditing: Auditing,
  request: SaveRequest,
): Promise<{ connection: Connection; isNew: boolean }> {
  const { tenantId, providerId } = request.key;
  const record = { chain: tenantId, action: 'connection.saved', target: providerId };
  return auditFailures(deps.store.audit, auditing, record, () => lookAndSave(deps, auditing, request));
}

async function lookAndSave(deps: MiddlewareDeps, auditing: Auditing, { key, input }: SaveRequest) {
  assertFree(deps, key);
  const config = toConfig(input);
  assertPlainUrl(config.url);
  checkTarget(config.url, deps.config.outbound);
  const seen = await findRow(deps.store.connections, key);
  const kept = seen === undefined ? undefined : readConnection(seen);
  const credential = await chooseCredential(deps.vault, key, input, config.url, kept);
  const snapshot = await look(deps, key.providerId, config, input, credential.text);
  const connection = { ...key, kind: input.kind, config, tools: snapshot, credential: credential.toStore };
  const saved = await storeUnchanged(deps, auditing, {
    connection,
    seen,
    action: 'connection.saved',
    details: toDetails(config, snapshot, credential),
  });
  return { connection: rowToConnection(saved), isNew: seen === undefined };
}

function assertFree({ providers }: MiddlewareDeps, { providerId }: ConnectionKey): void {
  if (!providers.isBuiltIn(providerId)) return;
  throw new RubotError('invalid_request', `${providerId} is a part of rubot. Connect the upstream under another name.`, {
    param: 'provider',
  });
}

function toConfig(input: SaveConnection): ConnectionConfig {
  const { auth, include, overrides } = input;
  const url = new URL(input.kind === 'http' ? input.base_url : input.url).href;
  return { url, auth, overrides, ...(include === undefined ? {} : { include }) };
}

/** A URL is shown and logged: what stands in its query would be no secret any more. */
function assertPlainUrl(url: string): void {
  const { search, hash } = new URL(url);
  if (search === '' && hash === '') return;
  throw new RubotError(
    'invalid_request',
    'The URL must have no query and no fragment. A key belongs into the credential, which is kept encrypted.',
    {
      param: 'url',
    },
  );
}

async function look(
  { outboundFetch }: MiddlewareDeps,
  providerId: string,
  config: ConnectionConfig,
  input: SaveConnection,
  credential: string | undefined,
): Promise<Snapshot> {
  if (input.kind === 'http') return lookAtDocument(providerId, input.openapi, config);
  return lookAtServer(openUpstream({ providerId, url: config.url, auth: config.auth, credential, fetch: outboundFetch }), config);
}

/** Never what the credential is. */
function toDetails({ url, auth }: ConnectionConfig, { offered }: Snapshot, { toStore }: ChosenCredential): ConnectionChange['details'] {
  return { host: new URL(url).host, auth: auth.type, tools: offered.length, credential: typeof toStore === 'string' ? toStore : 'sent' };
}
