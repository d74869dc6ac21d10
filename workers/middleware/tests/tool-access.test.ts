import type { BearerScope } from '@rubot/contracts/bearer';
import { ToolList } from '@rubot/contracts/data';
import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEntries, verify } from './_audit.ts';
import { errorOf, type Holder, type MiddlewareHarness, RUN_ID, startMiddleware } from './_harness.ts';
import { connectShop } from './_upstreams.ts';

const TOOLS = ['tables_list', 'tables_describe', 'tables_query', 'tables_insert', 'tables_delete_rows', 'tables_create_from_csv'] as const;
/** Those of a connection, read and write. */
const SHOP_TOOLS = ['shop_listOrders', 'shop_createOrder', 'shop_getOrder', 'shop_replaceOrder', 'shop_deleteOrder'] as const;
const WRITES: readonly string[] = TOOLS.slice(3);

interface Access {
  readonly tool_policy: 'all' | 'listed';
  readonly tools?: readonly { tool: string; enabled?: boolean | undefined; needs_approval?: boolean | undefined }[];
  readonly approve_writes?: boolean;
}

let upstream: ApiUpstream;
let middleware: MiddlewareHarness;

beforeAll(async () => {
  upstream = await startApiUpstream();
  upstream.onRequest(() => ({ body: { ok: true } }));
  middleware = await startMiddleware({ OUTBOUND_PRIVATE_HOSTS: upstream.host });
});
afterAll(async () => {
  await middleware.stop();
  await upstream.close();
});

async function setAccess({ tenantId }: Holder, access: Access): Promise<void> {
  const body = { agent_policy: 'all', approve_writes: false, ...access };
  const response = await middleware.internal('PUT', `tenants/${tenantId}/access`, body, { 'x-rubot-actor': 'operator' });
  expect(response.status, await response.clone().text()).toBe(200);
}

async function holderWith(access: Access): Promise<Holder> {
  const holder = await middleware.newTenant();
  await setAccess(holder, access);
  return holder;
}

async function holderWithShop(): Promise<Holder> {
  const holder = await middleware.newTenant();
  const overrides = { deleteOrder: { needs_approval: true } };
  expect((await connectShop(middleware, holder.tenantId, { baseUrl: upstream.url, overrides })).status).toBe(201);
  return holder;
}

async function listTools(holder: Holder) {
  const response = await middleware.data(holder, 'tools');
  if (response.status === 403) return [];
  return ToolList.parse(await response.json()).tools;
}

/** By calls that would succeed and by calls that could not: what is refused must not hang on what is asked. */
async function findCallable(holder: Holder, tools: readonly string[] = TOOLS): Promise<string[]> {
  const callable: string[] = [];
  for (const tool of tools) {
    const statuses = await Promise.all(
      [{}, { table: 'nothing', name: 'x', csv: 'a\n' }, { id: '1' }].map(
        async (input) => (await middleware.call(holder, tool, input)).status,
      ),
    );
    const refused = statuses.filter((status) => status === 403).length;
    expect([0, statuses.length], `${tool}: ${statuses}`).toContain(refused);
    if (refused === 0) callable.push(tool);
  }
  return callable;
}

describe('the tools that a tenant has', () => {
  it('are those that may be called, whatever is said of them, and whatever the bearer', { timeout: 120_000 }, async () => {
    const holder = await holderWithShop();
    const all = [...TOOLS, ...SHOP_TOOLS];
    const access = fc.record({
      tool_policy: fc.constantFrom('all' as const, 'listed' as const),
      approve_writes: fc.boolean(),
      tools: fc.uniqueArray(
        fc.record({
          tool: fc.constantFrom(...all, 'other_tool'),
          enabled: fc.boolean(),
          needs_approval: fc.option(fc.boolean(), { nil: undefined }),
        }),
        { selector: ({ tool }) => tool, maxLength: 12 },
      ),
    });
    const scopes = fc.subarray<BearerScope>(['connections:read', 'tools:read', 'tools:write'], { minLength: 1 });
    let listedAtAll = 0;
    await fc.assert(
      fc.asyncProperty(access, scopes, async (stated, scope) => {
        await setAccess(holder, stated);
        const bearer = await middleware.bearerFor(holder, { scope });
        const listed = (await listTools({ ...holder, bearer })).map(({ name }) => name);
        expect(await findCallable({ ...holder, bearer }, all)).toEqual(listed);
        listedAtAll += listed.length;
      }),
      { numRuns: 15 },
    );
    expect(listedAtAll).toBeGreaterThan(10);
  });

  it.each<[string, Access, readonly string[]]>([
    ['none, when they are listed and none is', { tool_policy: 'listed' }, []],
    ['none, when all that are listed are disabled', { tool_policy: 'listed', tools: [{ tool: 'tables_list', enabled: false }] }, []],
    ['those that are listed', { tool_policy: 'listed', tools: [{ tool: 'tables_list' }] }, ['tables_list']],
    [
      'all but those disabled',
      { tool_policy: 'all', tools: [{ tool: 'tables_insert', enabled: false }] },
      TOOLS.filter((tool) => tool !== 'tables_insert'),
    ],
  ])('are %s', async (_name, access, expected) => {
    const holder = await holderWith(access);
    expect((await listTools(holder)).map(({ name }) => name)).toEqual(expected);
    expect(await findCallable(holder)).toEqual(expected);
  });

  it('of a connection are asked of nobody where they are not enabled', async () => {
    const holder = await holderWithShop();
    await setAccess(holder, { tool_policy: 'listed', tools: [{ tool: 'shop_getOrder' }, { tool: 'shop_createOrder', enabled: false }] });
    const before = upstream.requests.length;
    expect(await findCallable(holder, SHOP_TOOLS)).toEqual(['shop_getOrder']);
    const asked = upstream.requests.slice(before).map(({ method, path }) => `${method} ${path}`);
    expect(new Set(asked)).toEqual(new Set(['GET /orders/1']));
    expect((await middleware.call(holder, 'shop_drop', {})).error?.message).toBe(
      'There is no tool of that name. The tools are: shop_getOrder.',
    );
  });

  it('change with the next request', async () => {
    const holder = await middleware.newTenant();
    expect((await middleware.call(holder, 'tables_list', {})).status).toBe(200);
    await setAccess(holder, { tool_policy: 'listed' });
    expect((await middleware.call(holder, 'tables_list', {})).status).toBe(403);
  });

  it('are of no concern to other tenants', async () => {
    const [closed, other] = [await holderWith({ tool_policy: 'listed' }), await middleware.newTenant()];
    expect(await listTools(closed)).toEqual([]);
    expect(await listTools(other)).toHaveLength(TOOLS.length);
  });

  it('are the only ones that are named to one who asks for another', async () => {
    const holder = await holderWith({ tool_policy: 'listed', tools: [{ tool: 'tables_list' }] });
    const { error } = await middleware.call(holder, 'tables_drop', {});
    expect(error).toMatchObject({ code: 'not_found', message: 'There is no tool of that name. The tools are: tables_list.' });
    await setAccess(holder, { tool_policy: 'listed' });
    expect((await middleware.call(holder, 'tables_drop', {})).error?.message).not.toMatch(/tables_(?!drop)/);
  });
});

describe('a person is asked for', () => {
  async function approvalsOf(access: Access): Promise<Record<string, boolean | undefined>> {
    const tools = await listTools(await holderWith(access));
    return Object.fromEntries(tools.map(({ name, needs_approval }) => [name, needs_approval]));
  }

  it('where a tool asks itself, by default', async () => {
    const approvals = await approvalsOf({ tool_policy: 'all' });
    expect(approvals).toEqual(Object.fromEntries(TOOLS.map((tool) => [tool, tool === 'tables_delete_rows'])));
  });

  it('for each tool that writes, where the tenant says so', async () => {
    const approvals = await approvalsOf({ tool_policy: 'all', approve_writes: true });
    expect(approvals).toEqual(Object.fromEntries(TOOLS.map((tool) => [tool, WRITES.includes(tool)])));
  });

  it('or not for one of them, but never less than the tool itself asks', async () => {
    const tools = WRITES.map((tool) => ({ tool, needs_approval: false }));
    const approvals = await approvalsOf({ tool_policy: 'all', approve_writes: true, tools });
    expect(approvals).toMatchObject({ tables_insert: false, tables_create_from_csv: false, tables_delete_rows: true });
  });

  it('for those of a connection likewise, which may ask for more and never for less', async () => {
    const holder = await holderWithShop();
    const tools = ['shop_createOrder', 'shop_deleteOrder'].map((tool) => ({ tool, needs_approval: false }));
    await setAccess(holder, { tool_policy: 'all', approve_writes: true, tools });
    const listed = (await listTools(holder)).filter(({ provider }) => provider === 'shop');
    expect(Object.fromEntries(listed.map(({ name, needs_approval }) => [name, needs_approval]))).toEqual({
      shop_listOrders: false,
      shop_createOrder: false,
      shop_getOrder: false,
      shop_replaceOrder: true,
      shop_deleteOrder: true,
    });
  });
});

describe('a call that is refused', () => {
  it('is told of in the chain of the tenant, with the reason, and has no effect', async () => {
    const holder = await holderWith({ tool_policy: 'all', tools: [{ tool: 'tables_create_from_csv', enabled: false }] });
    const answer = await middleware.call(holder, 'tables_create_from_csv', { name: 'made', csv: 'a\n1\n' });
    expect(answer).toMatchObject({ status: 403, error: { code: 'forbidden', message: expect.stringContaining('not enabled') } });
    expect((await middleware.call(holder, 'tables_list', {})).result).toEqual({ tables: [] });
    expect((await readEntries(middleware, holder.tenantId)).at(-1)).toMatchObject({
      actor: `sender:${holder.senderId}`,
      action: 'tool.refused',
      target: 'tables_create_from_csv',
      outcome: 'refused',
      details: { run_id: RUN_ID, reason: 'tool_not_enabled' },
    });
    expect(await verify(middleware, holder.tenantId)).toMatchObject({ findings: [] });
  });

  it('is told of as well for want of a scope, and of a binding', async () => {
    const holder = await middleware.newTenant();
    const narrow = { ...holder, bearer: await middleware.bearerFor(holder, { scope: ['tools:read'] }) };
    expect((await middleware.call(narrow, 'tables_insert', {})).status).toBe(403);
    await middleware.internal('DELETE', `identity-bindings/${holder.senderId}`);
    expect((await middleware.call(holder, 'tables_list', {})).status).toBe(403);
    const refused = (await readEntries(middleware, holder.tenantId)).filter(({ action }) => action === 'tool.refused');
    expect(refused.map(({ target, details }) => [target, details['reason']])).toEqual([
      ['tables_insert', 'scope_missing'],
      ['tables_list', 'sender_unbound'],
    ]);
  });

  it('is refused also where the same call has had its effect before', async () => {
    const holder = await middleware.newTenant();
    const input = { name: 'made', csv: 'a\n1\n' };
    expect((await middleware.call(holder, 'tables_create_from_csv', input, 'key-1')).status).toBe(200);
    expect(await middleware.call(holder, 'tables_create_from_csv', input, 'key-1')).toMatchObject({ status: 200, replayed: true });
    await setAccess(holder, { tool_policy: 'all', tools: [{ tool: 'tables_create_from_csv', enabled: false }] });
    expect(await middleware.call(holder, 'tables_create_from_csv', input, 'key-1')).toMatchObject({ status: 403, replayed: false });
  });
});

describe('PUT /internal/tenants/:tenant/access', () => {
  it('names what has changed, and nothing when nothing has', async () => {
    const { tenantId } = await middleware.newTenant();
    const access = {
      agent_policy: 'all',
      tool_policy: 'listed',
      tools: [{ tool: 'b' }, { tool: 'a', needs_approval: true }],
      approve_writes: true,
    };
    const put = (body: object) => middleware.internal('PUT', `tenants/${tenantId}/access`, body, { 'x-rubot-actor': 'token:tok_x' });
    expect((await put(access)).status).toBe(200);
    expect((await put({ ...access, tools: access.tools.toReversed() })).status).toBe(200);
    expect((await put({ ...access, approve_writes: false, tools: [{ tool: 'a', needs_approval: true }] })).status).toBe(200);
    const told = (await readEntries(middleware, tenantId)).filter(({ action }) => action === 'tenant.access_changed');
    const [a, b] = [
      { tool: 'a', enabled: true, needs_approval: true },
      { tool: 'b', enabled: true },
    ];
    expect(told.map(({ actor, target, details }) => ({ actor, target, details }))).toEqual([
      {
        actor: 'token:tok_x',
        target: tenantId,
        details: {
          is_new: false,
          changes: {
            tool_policy: { from: 'all', to: 'listed' },
            tools: { from: [], to: [a, b] },
            approve_writes: { from: false, to: true },
          },
        },
      },
      {
        actor: 'token:tok_x',
        target: tenantId,
        details: { is_new: false, changes: { tools: { from: [b], to: [] }, approve_writes: { from: true, to: false } } },
      },
    ]);
  });

  it('leaves the name and the limits of the tenant alone', async () => {
    const tenant = { tenant_id: 'limited', name: 'Limited', limits: { usd_per_day: 3 } };
    await middleware.internal('POST', 'tenants', tenant);
    const body = { agent_policy: 'listed', agents: [{ agent_id: 'tables' }], tool_policy: 'listed', approve_writes: true };
    const saved = await (await middleware.internal('PUT', 'tenants/limited/access', body)).json();
    expect(saved).toMatchObject({ ...tenant, ...body, tools: [] });
    expect(await (await middleware.internal('GET', 'tenants/limited')).json()).toEqual(saved);
  });

  it.each(['agent_policy', 'tool_policy', 'approve_writes'])('opens nothing by leaving %s out', async (field) => {
    const { tenantId } = await middleware.newTenant();
    const { [field]: _left, ...body }: Record<string, unknown> = { agent_policy: 'listed', tool_policy: 'listed', approve_writes: true };
    const response = await middleware.internal('PUT', `tenants/${tenantId}/access`, body);
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'invalid_request', param: field });
  });

  it.each([
    ['limits', { limits: {} }],
    ['name', { name: 'Another' }],
    ['tenant_id', { tenant_id: 'another' }],
    ['tools', { tools: [{ tool: 'a' }, { tool: 'a' }] }],
    ['agents', { agents: [{ agent_id: 'tables' }] }],
  ])('refuses %s', async (_field, extra) => {
    const { tenantId } = await middleware.newTenant();
    const body = { agent_policy: 'all', tool_policy: 'all', approve_writes: true, ...extra };
    expect(await errorOf(await middleware.internal('PUT', `tenants/${tenantId}/access`, body))).toMatchObject({ status: 400 });
  });

  it('knows no tenant that was not created', async () => {
    const body = { agent_policy: 'all', tool_policy: 'all', approve_writes: true };
    expect(await errorOf(await middleware.internal('PUT', 'tenants/nobody/access', body))).toMatchObject({
      status: 404,
      code: 'not_found',
    });
    expect(await errorOf(await middleware.internal('GET', 'tenants/nobody'))).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('of many at once leaves the tenant as one of them has stated it, each told of with what it changed', async () => {
    const { tenantId } = await middleware.newTenant();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        middleware.internal('PUT', `tenants/${tenantId}/access`, {
          agent_policy: 'all',
          tool_policy: 'listed',
          tools: [{ tool: `tool_${index}` }],
          approve_writes: index % 2 === 0,
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    const told = (await readEntries(middleware, tenantId)).filter(({ action }) => action === 'tenant.access_changed');
    expect(told).toHaveLength(10);
    // Each says from where it went on: the ends meet.
    const moves = told.map(({ details }) => (details['changes'] as { tools: { from: unknown; to: unknown } }).tools);
    for (const [index, { from }] of moves.entries()) expect(from).toEqual(moves[index - 1]?.to ?? []);
    expect(await (await middleware.internal('GET', `tenants/${tenantId}`)).json()).toMatchObject({ tools: moves.at(-1)?.to });
    expect(await verify(middleware, tenantId)).toMatchObject({ findings: [] });
  });
});

describe('GET /internal/tenants', () => {
  it('lists all in pages, each whole', async () => {
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const response = await middleware.internal('GET', `tenants?limit=7${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      const page = (await response.json()) as { object: string; data: { tenant_id: string }[]; next_cursor?: string };
      expect(page.object).toBe('list');
      for (const tenant of page.data)
        expect(tenant).toMatchObject({ name: expect.any(String), agents: expect.any(Array), limits: expect.any(Object) });
      seen.push(...page.data.map(({ tenant_id }) => tenant_id));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    expect(seen.length).toBeGreaterThan(7);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(await errorOf(await middleware.internal('GET', 'tenants?limit=0'))).toMatchObject({ status: 400, param: 'limit' });
  });
});
