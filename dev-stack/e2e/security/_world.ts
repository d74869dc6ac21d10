import { randomUUID } from 'node:crypto';
import { HEADERS } from '@rubot/contracts/headers';
import { CLIENT_SCOPES, type ClientScope } from '@rubot/contracts/scopes';
import type { ModelExchange, ModelScript } from '@rubot/testkit/model-upstream';
import type { ModelStack } from '../_stack.ts';
import { callRuns, untilStatus } from '../runs/_runs.ts';

/** A tenant full of data, all of which bears a mark that nobody of another tenant may ever read. */
export interface TenantWorld {
  readonly tenant: string;
  readonly mark: string;
  readonly sender: string;
  readonly session: string;
  /** Waits for a person, for good. */
  readonly runId: string;
  readonly callId: string;
  readonly traceId: string;
  /** One with each single scope, and one with all. */
  readonly tokens: Readonly<Record<ClientScope, IssuedToken>>;
  readonly revoked: IssuedToken;
  readonly actionBearer: string;
}

export interface IssuedToken {
  readonly id: string;
  readonly token: string;
  readonly handle: string;
}

export const ACTION_ID = 'deploy';
const TABLE_CSV = (mark: string) => `order_number,note\n1,${mark}-cell\n2,${mark}-cell-too\n`;

export async function buildTenant(stack: ModelStack, name: string): Promise<TenantWorld> {
  const [tenant, mark] = [`tenant-${name}`, `mark-of-${name}-${randomUUID().slice(0, 8)}`];
  const speaker = { senderId: `${mark}-sender`, sessionId: `${mark}-session` };
  await askAdmin(stack, 'POST', '/tenants', { tenant_id: tenant, name: `${mark}-name` });
  await askAdmin(stack, 'POST', '/identity-bindings', { tenant_id: tenant, sender_id: speaker.senderId });
  stack.model.otherwise(fillTables(mark));
  await say(stack, speaker, `${mark}-question`);
  stack.model.otherwise({
    toolCalls: [
      {
        id: `call_${name}`,
        name: 'tables_delete_rows',
        arguments: { table: 'orders', where: [{ column: 'order_number', operator: 'eq', value: 1 }], expected_rows: 1 },
      },
    ],
  });
  const begun = await callRuns(stack, '', { speaker, body: toQuestion(`${mark}-deletion`) });
  const runId = ((await begun.json()) as { id: string }).id;
  const { required_action } = await untilStatus(stack, runId, 'requires_action', { speaker });
  stack.model.otherwise({ text: 'ok' });
  const issued = await Promise.all(CLIENT_SCOPES.map(async (scope) => [scope, await issueToken(stack, tenant, [scope])] as const));
  const tokens = Object.fromEntries(issued) as Record<ClientScope, IssuedToken>;
  const revoked = await issueToken(stack, tenant, ['admin:*']);
  await askAdmin(stack, 'DELETE', `/tenants/${tenant}/tokens/${revoked.id}`);
  return {
    tenant,
    mark,
    sender: speaker.senderId,
    session: speaker.sessionId,
    runId,
    callId: required_action?.tool_calls[0]?.tool_call_id ?? '',
    traceId: begun.headers.get(HEADERS.traceId) ?? '',
    tokens,
    revoked,
    actionBearer: await redeem(stack, await issueToken(stack, tenant, ['chat:write', 'run:read', 'admin:*']), ['chat:write', 'run:read']),
  };
}

function toQuestion(content: string): Record<string, unknown> {
  return { model: 'rubot/tables', messages: [{ role: 'user', content }] };
}

function fillTables(mark: string): ModelScript {
  return (exchange: ModelExchange) => {
    const asked = (exchange.body['messages'] as readonly unknown[]).length;
    const call = { name: 'tables_create_from_csv', arguments: { name: 'orders', csv: TABLE_CSV(mark) } };
    exchange.answer(asked > 2 ? { text: `${mark}-answer` } : { toolCalls: [call] });
  };
}

async function say(stack: ModelStack, speaker: { senderId: string; sessionId: string }, content: string): Promise<void> {
  const response = await fetch(`${stack.urls.gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`,
      'content-type': 'application/json',
      [HEADERS.senderId]: speaker.senderId,
      [HEADERS.sessionId]: speaker.sessionId,
      [HEADERS.memory]: 'session',
    },
    body: JSON.stringify(toQuestion(content)),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

type AdminEntrance = Pick<ModelStack, 'urls' | 'keys'>;

export async function issueToken(stack: AdminEntrance, tenant: string, scopes: readonly string[]): Promise<IssuedToken> {
  const body = { name: 'of a test', scopes, ttl_seconds: 3_600, action_id: ACTION_ID };
  const issued = await askAdmin(stack, 'POST', `/tenants/${tenant}/tokens`, body);
  return { id: String(issued['token_id']), token: String(issued['token']), handle: String(issued['action_handle']) };
}

export async function redeem(stack: AdminEntrance, { token, handle }: IssuedToken, scopes: readonly string[]): Promise<string> {
  const response = await fetch(`${stack.urls.gateway}/v1/action-bearers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ handle, action_id: ACTION_ID, scopes }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { bearer: string }).bearer;
}

/** As the operator. @throws Error for every refusal */
export async function askAdmin(stack: AdminEntrance, method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(`${stack.urls.gateway}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? {} : JSON.parse(text);
}
