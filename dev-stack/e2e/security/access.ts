import { HEADERS } from '@rubot/contracts/headers';
import { CLIENT_SCOPES, type ClientScope } from '@rubot/contracts/scopes';
import type { ModelStack } from '../_stack.ts';
import { callRuns } from '../runs/_runs.ts';
import { signSound } from './_forgeries.ts';
import { type Role, TOKENS_OF_A, toKind } from './_roles.ts';
import { ACTION_ID, askAdmin, issueToken, type TenantWorld } from './_world.ts';

/** What a request to a route needs besides the credential. */
export interface RouteRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Who may pass, and how to ask for what is the tenant's. What is not listed is refused. */
export interface Entry {
  readonly allow: readonly Role[];
  /** About something of one tenant: others are refused it, whatever they hold. */
  readonly isTargeted?: boolean;
  readonly request?: (target: TenantWorld, role: Role, stack: ModelStack) => RouteRequest;
  /** Makes something that may be used up, for each who is allowed. */
  readonly fresh?: (target: TenantWorld, stack: ModelStack) => Promise<RouteRequest>;
  /** What whoever is allowed is answered, where it is no success: the request passes the door and is wrong behind it. */
  readonly ok?: readonly number[];
}

export type AccessTable = Readonly<Record<string, Entry>>;

/** Which scopes open what needs this one: said here once more, so that a change of the hierarchy is seen. */
const OPENED_BY: Readonly<Partial<Record<ClientScope, readonly ClientScope[]>>> = { 'run:read': ['run:write', 'approval:submit'] };

function tokensWith(scope: ClientScope): readonly Role[] {
  return [scope, ...(OPENED_BY[scope] ?? []), 'admin:*' as const].map((held) => `token-a/${held}` as const);
}

const EVERYBODY: readonly Role[] = [
  ...(['nobody', 'operator', 'chat-a', 'chat-b', 'chat-unlinked', 'token-b/admin:*', 'token-a/revoked', 'action-a'] as const),
  ...(['data-a', 'data-b', 'grant-a', 'hop-middleware', 'hop-orchestrator', 'metrics', 'signing-secret', 'encryption-secret'] as const),
  ...TOKENS_OF_A,
];
/** Whoever holds the gateway's key, and so whoever speaks for the chat source. */
const GATEWAY_KEY: readonly Role[] = ['chat-a', 'chat-b', 'chat-unlinked'];
const PUBLIC: Entry = { allow: EVERYBODY };
const CHALLENGE: Entry = { allow: EVERYBODY, request: () => ({ body: { nonce: 'ab'.repeat(16), proofs: {} } }) };
const HELLO = { model: 'rubot/tables', messages: [{ role: 'user', content: 'Hello!' }] };
/** What the gateway refuses to a client that it trusts, the services behind it refuse too. */
const WRONG_BUT_IN = [200, 201, 202, 204, 400, 404, 409, 415, 422, 502, 503];

/** In whose name a token or a bearer speaks, where it is about what a sender of the tenant has. */
function asSenderOf({ sender, session }: TenantWorld, role: Role): Record<string, string> {
  if (!role.startsWith('token-') && role !== 'action-a') return {};
  return { [HEADERS.senderId]: sender, [HEADERS.sessionId]: session };
}

function aboutRun(allow: readonly Role[], query = ''): Entry {
  return {
    allow,
    isTargeted: true,
    request: (target, role) => ({
      params: { runId: target.runId, traceId: target.traceId },
      query,
      headers: { accept: 'application/json', ...asSenderOf(target, role) },
    }),
  };
}

function ofTenant(scope: ClientScope, entry: Partial<Entry> = {}): Entry {
  return {
    allow: ['operator', ...tokensWith(scope)],
    isTargeted: true,
    request: ({ tenant, tokens }) => ({ params: { tenant, tokenId: tokens['run:read'].id, provider: 'crm' } }),
    ...entry,
  };
}

const OPERATOR: Entry = { allow: ['operator'] };
const ACCESS = { agent_policy: 'all', agents: [], tool_policy: 'all', tools: [], approve_writes: false };
const CONNECTION = { kind: 'mcp', url: 'https://mcp.example.com/', auth: { type: 'none' } };

let senders = 0;
function newSender(): string {
  senders += 1;
  return `bound-${senders}`;
}

export const GATEWAY_ACCESS: AccessTable = {
  'GET /': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'POST /challenge': CHALLENGE,
  'POST /v1/chat/completions': {
    allow: [...GATEWAY_KEY, ...tokensWith('chat:write'), 'token-b/admin:*', 'action-a'],
    request: () => ({ body: HELLO }),
  },
  'GET /v1/models': { allow: ['chat-a', 'chat-b', ...TOKENS_OF_A, 'token-b/admin:*', 'action-a'] },
  'GET /v1/models/:model{.+}': {
    allow: ['chat-a', 'chat-b', ...TOKENS_OF_A, 'token-b/admin:*', 'action-a'],
    request: () => ({ params: { model: 'rubot/tables' } }),
  },
  'POST /v1/runs': {
    allow: ['chat-a', 'chat-b', ...tokensWith('run:write'), 'token-b/admin:*'],
    request: () => ({ body: HELLO }),
  },
  'GET /v1/runs': { allow: ['chat-a', 'chat-b', ...tokensWith('run:read'), 'token-b/admin:*', 'action-a'] },
  'GET /v1/runs/:runId': aboutRun(['chat-a', ...tokensWith('run:read'), 'action-a']),
  'GET /v1/runs/:runId/events': aboutRun(['chat-a', ...tokensWith('run:read'), 'action-a'], '?wait_ms=0'),
  'GET /v1/traces/:traceId': aboutRun(['chat-a', ...tokensWith('trace:read')]),
  'POST /v1/runs/:runId/cancel': {
    ...aboutRun(['chat-a', ...tokensWith('run:write')]),
    async fresh({ sender, session }, stack) {
      const speaker = { senderId: sender, sessionId: session };
      const { id } = (await (await callRuns(stack, '', { speaker, body: HELLO })).json()) as { id: string };
      return { params: { runId: id }, headers: { [HEADERS.senderId]: sender, [HEADERS.sessionId]: session } };
    },
    // It may be over before it is cancelled.
    ok: [200, 409],
  },
  'POST /v1/runs/:runId/approvals/:toolCallId': {
    allow: ['chat-a', ...tokensWith('approval:submit')],
    isTargeted: true,
    request: (target, role) => ({
      params: { runId: target.runId, toolCallId: target.callId },
      headers: asSenderOf(target, role),
      body: { decision: 'approve' },
    }),
    fresh: async (target) => ({
      params: { runId: target.runId, toolCallId: target.callId },
      headers: { [HEADERS.senderId]: target.sender, [HEADERS.sessionId]: target.session },
      body: { decision: 'perhaps' },
    }),
    ok: [400],
  },
  'POST /v1/action-bearers': {
    allow: TOKENS_OF_A,
    isTargeted: true,
    request({ tokens }, role) {
      const scope = CLIENT_SCOPES.find((known) => role === `token-a/${known}`) ?? 'run:read';
      return { body: { handle: tokens[scope].handle, action_id: ACTION_ID, scopes: [scope] } };
    },
  },
  'POST /v1/link': { allow: GATEWAY_KEY, request: () => ({ body: { pin: 'no pin' } }), ok: [400] },
  'POST /internal/bearers': {
    allow: GATEWAY_KEY,
    request: (target, _, { keys }) => ({ body: { grant: signSound(toKind(target, 'grant'), keys.BEARER_SIGNING_SECRET) } }),
  },
  'GET /admin/tenants': OPERATOR,
  'POST /admin/tenants': { ...OPERATOR, request: ({ tenant, mark }) => ({ body: { tenant_id: tenant, name: `${mark}-name` } }) },
  'GET /admin/tenants/:tenant': ofTenant('admin:access'),
  'PUT /admin/tenants/:tenant/access': ofTenant('admin:access', {
    request: ({ tenant }) => ({ params: { tenant }, body: ACCESS }),
  }),
  'GET /admin/tenants/:tenant/tokens': ofTenant('admin:tokens'),
  'POST /admin/tenants/:tenant/tokens': ofTenant('admin:tokens', {
    request: ({ tenant }) => ({ params: { tenant }, body: { name: 'another', scopes: ['admin:tokens'], ttl_seconds: 60 } }),
  }),
  'DELETE /admin/tenants/:tenant/tokens/:tokenId': ofTenant('admin:tokens', {
    fresh: async ({ tenant }, stack) => ({ params: { tenant, tokenId: (await issueToken(stack, tenant, ['run:read'])).id } }),
  }),
  'POST /admin/tenants/:tenant/tokens/:tokenId/action-handles': ofTenant('admin:tokens', {
    request: ({ tenant, tokens }) => ({
      params: { tenant, tokenId: tokens['admin:tokens'].id },
      body: { action_id: ACTION_ID, scopes: ['admin:tokens'] },
    }),
  }),
  'POST /admin/tenants/:tenant/link-pins': ofTenant('admin:senders', { request: ({ tenant }) => ({ params: { tenant }, body: {} }) }),
  'GET /admin/identity-bindings': {
    allow: ['operator', ...tokensWith('admin:senders')],
    isTargeted: true,
    request: ({ tenant }) => ({ query: `?tenant_id=${tenant}` }),
  },
  'POST /admin/identity-bindings': {
    allow: ['operator', ...tokensWith('admin:senders')],
    isTargeted: true,
    request: ({ tenant }) => ({ body: { tenant_id: tenant, sender_id: newSender() } }),
  },
  'DELETE /admin/identity-bindings/:senderId': {
    allow: ['operator', ...tokensWith('admin:senders')],
    isTargeted: true,
    request: ({ sender }) => ({ params: { senderId: sender } }),
    async fresh({ tenant }, stack) {
      const senderId = newSender();
      await askAdmin(stack, 'POST', '/identity-bindings', { tenant_id: tenant, sender_id: senderId });
      return { params: { senderId } };
    },
  },
  'GET /admin/tenants/:tenant/connections': ofTenant('admin:connections'),
  'GET /admin/tenants/:tenant/connections/:provider': ofTenant('admin:connections', { ok: [404] }),
  'PUT /admin/tenants/:tenant/connections/:provider': ofTenant('admin:connections', {
    request: ({ tenant }) => ({ params: { tenant, provider: 'crm' }, body: CONNECTION }),
    // No host is on the list of those that may be reached.
    ok: [400],
  }),
  'DELETE /admin/tenants/:tenant/connections/:provider': ofTenant('admin:connections', { ok: [404] }),
  'POST /admin/tenants/:tenant/connections/:provider/refresh': ofTenant('admin:connections', { ok: [404] }),
  'POST /admin/credentials/reencrypt': OPERATOR,
  'GET /admin/tenants/:tenant/audit': ofTenant('admin:audit'),
  'GET /admin/tenants/:tenant/audit/head': ofTenant('admin:audit'),
  'GET /admin/audit': OPERATOR,
  'GET /admin/audit/head': OPERATOR,
  'GET /admin/diagnosis': OPERATOR,
  'GET /admin/dead-letters': OPERATOR,
  'POST /admin/dead-letters/redrive': { ...OPERATOR, request: ({ runId }) => ({ body: { run_ids: [runId] } }) },
};

/** Behind a hop's key: who holds it is believed, and nobody else is let in. */
function behind(...allow: readonly Role[]): Entry {
  return {
    allow,
    request: (target) => ({
      params: {
        tenant: target.tenant,
        tokenId: target.tokens['run:read'].id,
        provider: 'crm',
        senderId: 'nobody-at-all',
        chain: target.tenant,
        runId: target.runId,
        toolCallId: 'no-call',
        traceId: target.traceId,
      },
      headers: {
        accept: 'application/json',
        [HEADERS.tenantId]: target.tenant,
        [HEADERS.senderId]: target.sender,
        [HEADERS.sessionId]: target.session,
      },
      query: '?wait_ms=0',
      body: {},
    }),
    ok: WRONG_BUT_IN,
  };
}

const MIDDLEWARE_KEY = behind('hop-middleware');

export const MIDDLEWARE_ACCESS: AccessTable = {
  'GET /': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'POST /challenge': CHALLENGE,
  'GET /internal/diagnosis': MIDDLEWARE_KEY,
  'POST /internal/sessions/resolve': MIDDLEWARE_KEY,
  'POST /internal/bearers/verify': MIDDLEWARE_KEY,
  'POST /internal/tokens/resolve': MIDDLEWARE_KEY,
  'POST /internal/action-handles/redeem': MIDDLEWARE_KEY,
  'GET /internal/tenants': MIDDLEWARE_KEY,
  'POST /internal/tenants': MIDDLEWARE_KEY,
  'GET /internal/tenants/:tenant': MIDDLEWARE_KEY,
  'PUT /internal/tenants/:tenant/access': MIDDLEWARE_KEY,
  'GET /internal/tenants/:tenant/tokens': MIDDLEWARE_KEY,
  'POST /internal/tenants/:tenant/tokens': MIDDLEWARE_KEY,
  'DELETE /internal/tenants/:tenant/tokens/:tokenId': {
    ...MIDDLEWARE_KEY,
    request: ({ tenant }) => ({ params: { tenant, tokenId: `tok_${'0'.repeat(24)}` } }),
  },
  'POST /internal/tenants/:tenant/tokens/:tokenId/action-handles': MIDDLEWARE_KEY,
  'GET /internal/identity-bindings': MIDDLEWARE_KEY,
  'POST /internal/identity-bindings': MIDDLEWARE_KEY,
  'DELETE /internal/identity-bindings/:senderId': MIDDLEWARE_KEY,
  'POST /internal/tenants/:tenant/link-pins': MIDDLEWARE_KEY,
  'POST /internal/link-pins/use': MIDDLEWARE_KEY,
  'GET /internal/tenants/:tenant/connections': MIDDLEWARE_KEY,
  'GET /internal/tenants/:tenant/connections/:provider': MIDDLEWARE_KEY,
  'PUT /internal/tenants/:tenant/connections/:provider': MIDDLEWARE_KEY,
  'DELETE /internal/tenants/:tenant/connections/:provider': MIDDLEWARE_KEY,
  'POST /internal/tenants/:tenant/connections/:provider/refresh': MIDDLEWARE_KEY,
  'POST /internal/credentials/reencrypt': MIDDLEWARE_KEY,
  'POST /internal/audit': MIDDLEWARE_KEY,
  'GET /internal/audit/:chain': MIDDLEWARE_KEY,
  'GET /internal/audit/:chain/head': MIDDLEWARE_KEY,
  'GET /data/:tenant/connections': ofBearer(),
  'GET /data/:tenant/tools': ofBearer(),
  'POST /data/:tenant/tools/:tool/call': ofBearer(),
};

function ofBearer(): Entry {
  return {
    allow: ['data-a'],
    isTargeted: true,
    request: ({ tenant }) => ({ params: { tenant, tool: 'tables_list' }, body: { arguments: {} } }),
  };
}

const ORCHESTRATOR_DOOR = behind(...GATEWAY_KEY);

export const ORCHESTRATOR_ACCESS: AccessTable = {
  'GET /': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'GET /metrics': { allow: ['metrics'] },
  'POST /challenge': CHALLENGE,
  'POST /v1/chat/completions': ORCHESTRATOR_DOOR,
  'GET /v1/models': ORCHESTRATOR_DOOR,
  'GET /v1/runs': ORCHESTRATOR_DOOR,
  'POST /v1/runs': ORCHESTRATOR_DOOR,
  'GET /v1/runs/:runId': ORCHESTRATOR_DOOR,
  'GET /v1/runs/:runId/events': ORCHESTRATOR_DOOR,
  'POST /v1/runs/:runId/cancel': { ...ORCHESTRATOR_DOOR, request: () => ({ params: { runId: `run_${'0'.repeat(32)}` } }) },
  'POST /v1/runs/:runId/approvals/:toolCallId': ORCHESTRATOR_DOOR,
  'GET /v1/traces/:traceId': ORCHESTRATOR_DOOR,
  'POST /admin/diagnosis': ORCHESTRATOR_DOOR,
  'GET /admin/dead-letters': ORCHESTRATOR_DOOR,
  'POST /admin/dead-letters/redrive': ORCHESTRATOR_DOOR,
};

const AGENT_DOOR = behind('hop-orchestrator');

export const AGENT_ACCESS: AccessTable = {
  'GET /': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /readyz': PUBLIC,
  'POST /challenge': CHALLENGE,
  'GET /v1/capabilities': AGENT_DOOR,
  'POST /v1/diagnosis': AGENT_DOOR,
  'POST /v1/chat/completions': AGENT_DOOR,
};
