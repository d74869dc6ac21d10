import { BEARER_SCOPES } from '@rubot/contracts/bearer';
import { ToolList } from '@rubot/contracts/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorOf, type Holder, type MiddlewareHarness, RUN_ID, startMiddleware } from './_harness.ts';

const CSV = 'name,quantity\nbolt,1\n';

let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  middleware = await startMiddleware();
  holder = await middleware.newTenant();
});
afterAll(() => middleware.stop());

/** Every way in, with input that would succeed. */
const ROUTES: readonly (readonly [string, (holder: Holder) => Promise<{ status: number; code?: string | undefined }>])[] = [
  ['GET connections', async (by) => summarise(await middleware.data(by, 'connections'))],
  ['GET tools', async (by) => summarise(await middleware.data(by, 'tools'))],
  ['a read tool', async (by) => toSummary(await middleware.call(by, 'tables_list', {}))],
  ['a write tool', async (by) => toSummary(await middleware.call(by, 'tables_create_from_csv', { name: crypto.randomUUID(), csv: CSV }))],
];

async function summarise(response: Response): Promise<{ status: number; code?: string | undefined }> {
  if (response.ok) return { status: response.status };
  const { status, code } = await errorOf(response);
  return { status, code };
}

function toSummary({ status, error }: { status: number; error: { code: string } | undefined }) {
  return { status, code: error?.code };
}

describe('a data bearer', () => {
  it.each(ROUTES)('opens %s', async (_name, route) => {
    expect(await route(holder)).toMatchObject({ status: 200 });
  });

  it.each(ROUTES)('is needed for %s', async (_name, route) => {
    const [header, payload, signature] = holder.bearer.split('.');
    const unsigned = `${btoa(JSON.stringify({ alg: 'none', typ: 'rubot-data+jwt' })).replace(/=+$/, '')}.${payload}.`;
    const bad = [
      '',
      'garbage',
      unsigned,
      `${header}.${payload}.${signature?.split('').reverse().join('')}`,
      await middleware.bearerFor(holder, { secret: 'another-Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy' }),
      await middleware.bearerFor(holder, { nowMs: Date.now() - 3_600_000 }),
    ];
    for (const bearer of bad) expect(await route({ ...holder, bearer })).toEqual({ status: 401, code: 'invalid_api_key' });
  });

  it.each(ROUTES)('of another tenant does not open %s', async (_name, route) => {
    const other = await middleware.newTenant();
    expect(await route({ ...holder, bearer: other.bearer })).toEqual({ status: 403, code: 'forbidden' });
  });

  it.each(ROUTES)('opens %s no longer once its sender is unbound, or bound elsewhere', async (_name, route) => {
    const [leaving, other] = [await middleware.newTenant(), await middleware.newTenant()];
    expect(await route(leaving)).toMatchObject({ status: 200 });
    await middleware.internal('DELETE', `identity-bindings/${leaving.senderId}`);
    expect(await route(leaving)).toEqual({ status: 403, code: 'forbidden' });
    await middleware.internal('POST', 'identity-bindings', { sender_id: leaving.senderId, tenant_id: other.tenantId });
    expect(await route(leaving)).toEqual({ status: 403, code: 'forbidden' });
  });

  it.each([
    ['GET connections', 'connections:read'],
    ['a read tool', 'tools:read'],
    ['a write tool', 'tools:write'],
  ] as const)('opens %s only with the scope %s', async (name, scope) => {
    const route = new Map(ROUTES).get(name)!;
    const without = await middleware.bearerFor(holder, { scope: BEARER_SCOPES.filter((other) => other !== scope) });
    expect(await route({ ...holder, bearer: without })).toEqual({ status: 403, code: 'forbidden' });
    expect(await route({ ...holder, bearer: await middleware.bearerFor(holder, { scope: [scope] }) })).toMatchObject({ status: 200 });
  });

  it('opens GET tools with either scope of tools, and not without', async () => {
    for (const scope of ['tools:read', 'tools:write'] as const) {
      const bearer = await middleware.bearerFor(holder, { scope: [scope] });
      const { tools } = ToolList.parse(await (await middleware.data({ ...holder, bearer }, 'tools')).json());
      expect(new Set(tools.map(({ effect }) => `tools:${effect}`))).toEqual(new Set([scope]));
    }
    const bearer = await middleware.bearerFor(holder, { scope: ['connections:read'] });
    expect(await errorOf(await middleware.data({ ...holder, bearer }, 'tools'))).toMatchObject({ status: 403, code: 'forbidden' });
  });

  it('is asked for on every path under /data, those that do not exist included', async () => {
    for (const path of [`/data/${holder.tenantId}/nothing`, `/data/${holder.tenantId}`, '/data/x/y/z']) {
      const response = await fetch(`${middleware.url}${path}`);
      expect(await errorOf(response)).toMatchObject({ status: 401 });
    }
    expect(await errorOf(await middleware.data(holder, 'nothing'))).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('is not the hop key, nor the hop key a bearer', async () => {
    const headers = { authorization: `Bearer ${holder.bearer}` };
    expect((await fetch(`${middleware.url}/internal/identity-bindings`, { headers })).status).toBe(401);
  });
});

describe('GET connections', () => {
  it('names the providers, and the agents that may act', async () => {
    const listed = await middleware.newTenant({
      agent_policy: 'listed',
      agents: [{ agent_id: 'tables' }, { agent_id: 'mail', enabled: false }],
    });
    expect(await (await middleware.data(listed, 'connections')).json()).toEqual({
      connections: [{ provider: 'tables', auth: 'none', connected: true }],
      agent_policy: 'listed',
      agents: [
        { agent_id: 'mail', enabled: false },
        { agent_id: 'tables', enabled: true },
      ],
    });
  });
});

describe('GET tools', () => {
  it('describes each tool as a model is told of it', async () => {
    const { tools } = ToolList.parse(await (await middleware.data(holder, 'tools')).json());
    expect(tools.map(({ name, effect, provider }) => [name, effect, provider])).toEqual([
      ['tables_list', 'read', 'tables'],
      ['tables_describe', 'read', 'tables'],
      ['tables_query', 'read', 'tables'],
      ['tables_insert', 'write', 'tables'],
      ['tables_delete_rows', 'write', 'tables'],
      ['tables_create_from_csv', 'write', 'tables'],
    ]);
    const query = tools.find(({ name }) => name === 'tables_query');
    expect(query?.input_schema).toMatchObject({ type: 'object', additionalProperties: false, required: ['table'] });
    expect(JSON.stringify(query?.input_schema)).not.toContain('$ref');
  });
});

describe('POST tools/:tool/call', () => {
  it('says which tools there are when there is none of that name', async () => {
    const answer = await middleware.call(holder, 'tables_drop', {});
    expect(answer).toMatchObject({ status: 404, error: { code: 'not_found' } });
    expect(answer.error?.message).toContain('tables_query');
  });

  it.each([
    ['malformed JSON', '{"arguments": {', 400],
    ['no arguments', '{}', 400],
    ['arguments that are a list', '{"arguments": []}', 400],
    ['arguments that the tool does not have', '{"arguments": {"tables": "x"}}', 400],
    ['a __proto__ key', '{"arguments": {"__proto__": {}}}', 400],
    ['bad UTF-8', new Uint8Array([123, 34, 255, 34, 125]), 400],
    ['a body over the limit', `{"arguments": {"x": "${'x'.repeat(1_100_000)}"}}`, 413],
  ])('answers %s with a 4xx', async (_name, body, status) => {
    const response = await middleware.data(holder, 'tools/tables_list/call', {
      method: 'POST',
      body,
      // The connection of a body that is refused unread cannot serve the next test.
      headers: { 'content-type': 'application/json', connection: 'close' },
    });
    expect(await errorOf(response)).toMatchObject({ status });
  });

  it('bears the run of the bearer on every answer', async () => {
    const response = await middleware.data(holder, 'tools/tables_drop/call', { method: 'POST' });
    expect(response.headers.get('x-rubot-run-id')).toBe(RUN_ID);
  });
});

describe('the log', () => {
  it('tells of each call who, what and how long, on the trace of the caller, and nothing of its words', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const response = await middleware.data(holder, 'tools/tables_create_from_csv/call', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'log-1', traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
      body: JSON.stringify({ arguments: { name: 'logged', csv: 'title\nverysecretcell\n' } }),
    });
    expect(response.headers.get('x-rubot-trace-id')).toBe(traceId);
    const request = await middleware.log.waitFor((line) => line.event_type === 'request.completed' && line.trace_id === traceId);
    const call = await middleware.log.waitFor((line) => line.event_type === 'tool.called' && line.trace_id === traceId);
    const who = { tenant_id: holder.tenantId, sender_id: holder.senderId, chat_source_session_id: 'session-1', run_id: RUN_ID };
    expect(request).toMatchObject({ ...who, parent_span_id: '00f067aa0ba902b7' });
    expect(call).toMatchObject({
      ...who,
      component: 'tables',
      parent_span_id: request.span_id,
      duration_ms: expect.any(Number),
      extra: { span_kind: 'internal', provider: 'tables', tool: 'tables_create_from_csv', effect: 'write', replayed: false },
    });
  });

  it('tells why someone was refused, which the answer does not', async () => {
    const other = await middleware.newTenant();
    const without = await middleware.bearerFor(other, { scope: ['tools:read'] });
    const refusals = [
      ['tenant_mismatch', await middleware.data({ ...other, tenantId: holder.tenantId }, 'tools')],
      ['scope_missing', await middleware.data({ ...other, bearer: without }, 'connections')],
    ] as const;
    const messages = await Promise.all(refusals.map(async ([, response]) => (await errorOf(response)).message));
    expect(new Set(messages).size).toBe(1);
    for (const [reason] of refusals) {
      await middleware.log.waitFor(
        (line) => line.event_type === 'access.refused' && line.tenant_id === other.tenantId && line.extra?.['reason'] === reason,
      );
    }
    await middleware.data({ ...other, bearer: 'garbage' }, 'tools');
    await middleware.log.waitFor((line) => line.event_type === 'bearer.rejected' && line.extra?.['reason'] === 'not a compact JWS');
  });

  it('held no cell, no bearer and no key at the end, and nothing that is not an envelope', async () => {
    // A value that fits nowhere comes back in no error either.
    await middleware.call(holder, 'tables_insert', { table: 'logged', rows: [{ verysecretcolumn: 'verysecretcell' }] });
    const failed = await middleware.call(holder, 'tables_query', {
      table: 'logged',
      where: [{ column: 'title', operator: 'lt', value: ['verysecretcell'] }],
    });
    expect(failed.status).toBe(400);
    await middleware.log.waitFor(
      (line) => line.event_type === 'tool.called' && line.error !== undefined && line.extra?.['tool'] === 'tables_query',
    );
    const text = JSON.stringify(middleware.log.lines);
    expect(text).not.toMatch(/verysecret|eyJ|mw-e5Rj8/);
    expect(middleware.log.noise).toEqual([]);
  });
});
