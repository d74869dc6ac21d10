import { ACTION_AUDIENCE, GRANT_AUDIENCE, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { HEADERS } from '@rubot/contracts/headers';
import { toTokenSender } from '@rubot/contracts/ids';
import { type Edge, SECRETS } from './_edge.ts';
import type { BearerKind } from './_forgeries.ts';

/** Where a kind of bearer is shown, and what opens when it is good. */
export interface BearerDoor {
  readonly kind: BearerKind;
  readonly ask: (token: string) => Promise<Response>;
  readonly askWorkerd: (token: string) => Promise<Response>;
}

export type Doors = Readonly<Record<'data bearer' | 'grant' | 'action bearer', BearerDoor>>;

const RUN_ID = `run_${'a1'.repeat(16)}`;
const JSON_BODY = { 'content-type': 'application/json' };

type Ask = (path: string, init: RequestInit) => Promise<Response>;

/** Two tenants with a sender each, at the doors of the edge. */
export async function openDoors(edge: Edge): Promise<Doors> {
  const tokenIds = new Map<string, string>();
  for (const name of ['a', 'b']) {
    await admin(edge, '/tenants', { tenant_id: `tenant-${name}`, name: `Tenant ${name}` });
    await admin(edge, '/identity-bindings', { tenant_id: `tenant-${name}`, sender_id: `sender-${name}` });
    tokenIds.set(name, (await issueToken(edge, { tenant: `tenant-${name}` })).token_id);
  }
  const revoked = (await issueToken(edge, { tenant: 'tenant-a' })).token_id;
  await admin(edge, `/tenants/tenant-a/tokens/${revoked}`, undefined, 'DELETE');
  const subject = { tenant: 'tenant-a', session: 'session-a', sender: 'sender-a', run: RUN_ID };
  const elsewhere = [
    { tenant: 'tenant-b' },
    { sender: 'sender-b' },
    { sender: 'nobody' },
    { sender: toTokenSender(tokenIds.get('b') ?? '') },
    { tenant: 'tenant-a/../tenant-b' },
    { tenant: ['tenant-a'] },
    { tenant: 'TENANT-A' },
    { tenant: undefined },
    { run: '../admin' },
    { token: revoked },
    { token: 'tok_000000000000000000000000' },
    { token: tokenIds.get('b') },
  ];
  const data: BearerKind = {
    type: 'rubot-data+jwt',
    audience: MIDDLEWARE_AUDIENCE,
    lifeSeconds: 300,
    claims: { ...subject, scope: 'connections:read tools:read tools:write' },
    // A grant that says so is whole: it is the door that is tenant A's.
    powerless: [
      ...elsewhere,
      { tenant: 'tenant-b', sender: 'sender-b' },
      { scope: '' },
      { scope: 'admin:*' },
      { scope: ['tools:read'] },
      { scope: 'tools:read\u0000' },
    ],
  };
  const grant: BearerKind = {
    type: 'rubot-grant+jwt',
    audience: GRANT_AUDIENCE,
    lifeSeconds: 30 * 86_400,
    claims: subject,
    powerless: [...elsewhere, { session: undefined }],
  };
  const action: BearerKind = {
    type: 'rubot-action+jwt',
    audience: ACTION_AUDIENCE,
    lifeSeconds: 300,
    claims: { tenant: 'tenant-a', token: tokenIds.get('a'), action: 'deploy', scope: 'run:read chat:write' },
    powerless: [
      { tenant: 'tenant-b' },
      { token: tokenIds.get('b') },
      { token: revoked },
      { token: 'tok_000000000000000000000000' },
      { token: undefined },
      { action: undefined },
      { scope: 'everything' },
      { scope: '' },
    ],
  };
  return {
    'data bearer': toDoor(edge, 'middleware', data, askForTools),
    grant: toDoor(edge, 'gateway', grant, askForRenewal),
    'action bearer': toDoor(edge, 'gateway', action, askForModels),
  };
}

/** What is no JWS: a token of tenant A, and a handle that only that token redeems. */
export interface OpaqueCredentials {
  readonly sound: Readonly<Record<'API token' | 'action handle', string>>;
  /** Whole by their checksum, and of no use: of another tenant, revoked, or nobody's. */
  readonly useless: Readonly<Record<'API token' | 'action handle', readonly string[]>>;
  readonly ask: Readonly<Record<'API token' | 'action handle', (text: string) => Promise<Response>>>;
}

export async function issueOpaque(edge: Edge): Promise<OpaqueCredentials> {
  const [own, other, revoked] = [
    await issueToken(edge, { tenant: 'tenant-a', actionId: 'deploy' }),
    await issueToken(edge, { tenant: 'tenant-b', actionId: 'deploy' }),
    await issueToken(edge, { tenant: 'tenant-a', actionId: 'deploy' }),
  ];
  const otherAction = await issueToken(edge, { tenant: 'tenant-a', actionId: 'another-action' });
  await admin(edge, `/tenants/tenant-a/tokens/${revoked.token_id}`, undefined, 'DELETE');
  const redeem = (handle: string) =>
    edge.inProcess.gateway.request('/v1/action-bearers', {
      method: 'POST',
      headers: { ...JSON_BODY, authorization: `Bearer ${own.token}` },
      body: JSON.stringify({ handle, action_id: 'deploy', scopes: ['run:read'] }),
    });
  const handles = [other, revoked, otherAction].map(({ action_handle }) => action_handle ?? '');
  return {
    sound: { 'API token': own.token, 'action handle': own.action_handle ?? '' },
    useless: { 'API token': [revoked.token, own.action_handle ?? '', ...handles], 'action handle': [...handles, own.token] },
    ask: { 'API token': (text) => askForModels(edge.inProcess.gateway.request, text), 'action handle': redeem },
  };
}

function toDoor(
  edge: Edge,
  place: 'gateway' | 'middleware',
  kind: BearerKind,
  ask: (send: Ask, token: string) => Promise<Response>,
): BearerDoor {
  return {
    kind,
    ask: (token) => ask(edge.inProcess[place].request, token),
    askWorkerd: (token) => ask((path, init) => fetch(`${edge.urls[place]}${path}`, init), token),
  };
}

/** What a header cannot carry is sent as its bytes, as a client of no library would; what no client sends ends the attack. */
function toHeader(token: string): string {
  return Buffer.from(token, 'utf8')
    .toString('latin1')
    .replace(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

function askForTools(send: Ask, token: string): Promise<Response> {
  return send('/data/tenant-a/connections', { headers: { authorization: `Bearer ${toHeader(token)}` } });
}

function askForModels(send: Ask, token: string): Promise<Response> {
  return send('/v1/models', { headers: { authorization: `Bearer ${toHeader(token)}` } });
}

function askForRenewal(send: Ask, token: string): Promise<Response> {
  const headers = { ...JSON_BODY, authorization: `Bearer ${SECRETS.GATEWAY_API_KEY}` };
  return send('/internal/bearers', { method: 'POST', headers, body: JSON.stringify({ grant: token }) });
}

export interface IssuedToken {
  readonly token_id: string;
  readonly token: string;
  readonly action_handle?: string;
}

export interface TokenToIssue {
  readonly tenant: string;
  readonly scopes?: readonly string[];
  readonly actionId?: string;
}

async function issueToken(edge: Edge, { tenant, scopes = ['chat:write', 'run:read'], actionId }: TokenToIssue): Promise<IssuedToken> {
  const body = { name: 'attacked', scopes, ttl_seconds: 3_600, ...(actionId === undefined ? {} : { action_id: actionId }) };
  return (await (await admin(edge, `/tenants/${tenant}/tokens`, body)).json()) as IssuedToken;
}

/** As the gateway asks it in the operator's name. @throws Error for every refusal */
async function admin(edge: Edge, path: string, body?: unknown, method = 'POST'): Promise<Response> {
  const headers = { ...JSON_BODY, authorization: `Bearer ${SECRETS.MIDDLEWARE_API_KEY}`, [HEADERS.actor]: 'operator' };
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const response = await edge.inProcess.middleware.request(`/internal${path}`, init);
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}
