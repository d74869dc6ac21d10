import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ENV, errorOf, type MiddlewareHarness, RUN_ID, startMiddleware } from './_harness.ts';

let middleware: MiddlewareHarness;

beforeAll(async () => {
  middleware = await startMiddleware({ MAX_BODY_BYTES: '65536' });
});
afterAll(() => middleware.stop());

function resolve(sessionId: string, senderId: string): Promise<Response> {
  return middleware.internal('POST', 'sessions/resolve', { session_id: sessionId, sender_id: senderId });
}

/** Another sender of the tenant. */
async function bindTo(tenantId: string): Promise<string> {
  const senderId = `sender-${crypto.randomUUID()}`;
  await middleware.internal('POST', 'identity-bindings', { sender_id: senderId, tenant_id: tenantId });
  return senderId;
}

describe('/internal', () => {
  it.each([
    ['GET', '/internal/identity-bindings'],
    ['POST', '/internal/sessions/resolve'],
    ['POST', '/internal/bearers/verify'],
    ['POST', '/internal/tenants'],
    ['DELETE', '/internal/identity-bindings/x'],
    ['GET', '/internal/no-such-route'],
  ])('%s %s opens to nobody without the key', async (method, path) => {
    for (const authorization of [
      undefined,
      'Bearer ',
      'Bearer wrong',
      `Basic ${ENV.MIDDLEWARE_API_KEY}`,
      `Bearer ${ENV.MIDDLEWARE_API_KEY}x`,
    ]) {
      const response = await fetch(`${middleware.url}${path}`, { method, headers: authorization === undefined ? {} : { authorization } });
      expect(await errorOf(response)).toMatchObject({ status: 401, code: 'invalid_api_key' });
    }
  });

  it('takes the previous key while it is rotated', async () => {
    const headers = { authorization: `Bearer ${ENV.MIDDLEWARE_API_KEY_PREVIOUS}` };
    expect((await fetch(`${middleware.url}/internal/identity-bindings`, { headers })).status).toBe(200);
  });

  it.each([
    ['malformed JSON', '{"session_id": ', 400],
    ['an empty body', '', 400],
    ['a list', '[]', 400],
    ['wrong types', '{"session_id": 1, "sender_id": []}', 400],
    ['a path for a sender', '{"session_id": "s", "sender_id": "../x"}', 400],
    ['a __proto__ key', '{"session_id": "s", "sender_id": "x", "__proto__": {}}', 400],
    ['a depth of 100,000', `${'['.repeat(32_000)}${']'.repeat(32_000)}`, 400],
    ['a body over the limit', `{"session_id": "${'s'.repeat(70_000)}"}`, 413],
  ])('answers %s with a 4xx', async (_name, body, status) => {
    expect(await errorOf(await middleware.internal('POST', 'sessions/resolve', body))).toMatchObject({ status });
  });
});

describe('POST /internal/sessions/resolve', () => {
  it('answers unlinked for a sender that nobody bound, and gives it no session', async () => {
    expect(await (await resolve('session-of-nobody', 'stranger')).json()).toEqual({ status: 'unlinked' });
    const { senderId } = await middleware.newTenant();
    expect(await (await resolve('session-of-nobody', senderId)).json()).toMatchObject({ status: 'linked' });
  });

  it('answers with the tenant, and with every agent by default', async () => {
    const { tenantId, senderId } = await middleware.newTenant();
    const expected = { status: 'linked', tenant_id: tenantId, allowed_agents: null, limits: {} };
    expect(await (await resolve('first', senderId)).json()).toEqual(expected);
    expect(await (await resolve('first', senderId)).json()).toEqual(expected);
  });

  it.each([
    [
      'those enabled',
      [{ agent_id: 'tables' }, { agent_id: 'mail', enabled: false }, { agent_id: 'chat', enabled: true }],
      ['chat', 'tables'],
    ],
    ['none when all are disabled', [{ agent_id: 'tables', enabled: false }], []],
    ['none when none is listed', [], []],
  ])('answers with the listed agents: %s', async (_name, agents, allowed) => {
    const { senderId } = await middleware.newTenant({ agent_policy: 'listed', agents });
    expect(await (await resolve(`s-${senderId}`, senderId)).json()).toMatchObject({ allowed_agents: allowed });
  });

  it('keeps a session for the sender that was first, and says so in the log', async () => {
    const owner = await middleware.newTenant();
    const otherId = await bindTo(owner.tenantId);
    await resolve('owned', owner.senderId);
    expect(await errorOf(await resolve('owned', otherId))).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await (await resolve('owned', owner.senderId)).json()).toMatchObject({ tenant_id: owner.tenantId });
    const refused = await middleware.log.waitFor((line) => line.event_type === 'access.refused' && line.chat_source_session_id === 'owned');
    expect(refused).toMatchObject({ sender_id: otherId, extra: { reason: 'session_of_another_sender' } });
    expect(
      middleware.log.lines.filter((line) => line.event_type === 'session.bound' && line.chat_source_session_id === 'owned'),
    ).toHaveLength(1);
  });

  it('lets no tenant take the name of a session from another', async () => {
    const [mine, theirs] = [await middleware.newTenant(), await middleware.newTenant()];
    for (const { senderId, tenantId } of [mine, theirs]) {
      expect(await (await resolve('a-common-name', senderId)).json()).toMatchObject({ tenant_id: tenantId });
    }
    expect(await errorOf(await resolve('a-common-name', await bindTo(theirs.tenantId)))).toMatchObject({ status: 403 });
  });

  it('answers unlinked for a sender of another tenant than the one that asks, and gives it no session', async () => {
    const [mine, theirs] = [await middleware.newTenant(), await middleware.newTenant()];
    const asked = { session_id: 'asked-for-another', sender_id: theirs.senderId, tenant_id: mine.tenantId };
    expect(await (await middleware.internal('POST', 'sessions/resolve', asked)).json()).toEqual({ status: 'unlinked' });
    const otherId = await bindTo(theirs.tenantId);
    expect(await (await resolve('asked-for-another', otherId)).json()).toMatchObject({ tenant_id: theirs.tenantId });
  });

  it('gives a session that two senders ask for at once to one of them, every time', async () => {
    const first = await middleware.newTenant();
    const senders = [first.senderId, await bindTo(first.tenantId)];
    for (let round = 0; round < 25; round += 1) {
      const answers = await Promise.all(
        senders.flatMap((senderId) => [resolve(`raced-${round}`, senderId), resolve(`raced-${round}`, senderId)]),
      );
      const statuses = answers.map((answer) => answer.status);
      expect(
        statuses.filter((status) => status === 200),
        `round ${round}: ${statuses}`,
      ).toHaveLength(2);
      expect(statuses[0]).toBe(statuses[1]);
      expect(new Set(statuses)).toEqual(new Set([200, 403]));
    }
  });

  it('ends with the binding', async () => {
    const { tenantId, senderId } = await middleware.newTenant();
    await resolve('ended', senderId);
    await middleware.internal('DELETE', `identity-bindings/${senderId}`);
    expect(await (await resolve('ended', senderId)).json()).toEqual({ status: 'unlinked' });
    await middleware.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: senderId });
    expect(await (await resolve('ended', senderId)).json()).toMatchObject({ status: 'linked' });
  });
});

describe('/internal/identity-bindings', () => {
  it('binds once: 201, then 200 with the same row, 409 for another tenant', async () => {
    const [first, second] = [await middleware.newTenant(), await middleware.newTenant()];
    const binding = { tenant_id: first.tenantId, sender_id: '+1.555:0100@chat' };
    const created = await middleware.internal('POST', 'identity-bindings', binding);
    const again = await middleware.internal('POST', 'identity-bindings', binding);
    expect([created.status, again.status]).toEqual([201, 200]);
    expect(await again.json()).toEqual(await created.json());
    const elsewhere = await middleware.internal('POST', 'identity-bindings', { ...binding, tenant_id: second.tenantId });
    expect(await errorOf(elsewhere)).toMatchObject({ status: 409, code: 'conflict', param: 'sender_id' });
  });

  it('gives a sender that is bound to two tenants at once to one of them', async () => {
    const tenants = [await middleware.newTenant(), await middleware.newTenant()];
    for (let round = 0; round < 15; round += 1) {
      const answers = await Promise.all(
        tenants.map(({ tenantId }) =>
          middleware.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: `raced-${round}` }),
        ),
      );
      expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409]);
    }
  });

  it('knows no tenant that was not created', async () => {
    const response = await middleware.internal('POST', 'identity-bindings', { tenant_id: 'nobody', sender_id: 'x' });
    expect(await errorOf(response)).toMatchObject({ status: 404, code: 'not_found', param: 'tenant_id' });
  });

  it('unbinds: 204, then 404', async () => {
    const { tenantId } = await middleware.newTenant();
    await middleware.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: '+15550101' });
    const path = `identity-bindings/${encodeURIComponent('+15550101')}`;
    expect((await middleware.internal('DELETE', path)).status).toBe(204);
    expect(await errorOf(await middleware.internal('DELETE', path))).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('lists in pages, and of one tenant when asked', async () => {
    const { tenantId, senderId } = await middleware.newTenant();
    const senders = ['p1', 'p2', 'p3', 'p4'].map((name) => `${name}-${tenantId}`);
    for (const sender of senders) await middleware.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: sender });
    const seen: string[] = [];
    let cursor: string | undefined = '';
    while (cursor !== undefined) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const response = await middleware.internal('GET', `identity-bindings?tenant_id=${tenantId}&limit=2${query}`);
      const page = (await response.json()) as { object: string; data: { sender_id: string; tenant_id: string }[]; next_cursor?: string };
      expect(page.object).toBe('list');
      expect(page.data.every((binding) => binding.tenant_id === tenantId)).toBe(true);
      seen.push(...page.data.map((binding) => binding.sender_id));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual([...senders, senderId].sort());
    expect(await errorOf(await middleware.internal('GET', 'identity-bindings?limit=0'))).toMatchObject({ status: 400, param: 'limit' });
  });
});

describe('POST /internal/bearers/verify', () => {
  async function verify(bearer: string): Promise<Response> {
    return middleware.internal('POST', 'bearers/verify', { bearer });
  }

  it('says what a good bearer opens', async () => {
    const holder = await middleware.newTenant();
    expect(await (await verify(holder.bearer)).json()).toEqual({
      tenant_id: holder.tenantId,
      session_id: 'session-1',
      sender_id: holder.senderId,
      run_id: RUN_ID,
      scope: ['connections:read', 'tools:read', 'tools:write'],
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it('refuses one of another secret, one that has expired, and one whose sender is unbound', async () => {
    const holder = await middleware.newTenant();
    const forged = await middleware.bearerFor(holder, { secret: 'another-Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy' });
    const old = await middleware.bearerFor(holder, { nowMs: Date.now() - 3_600_000 });
    for (const bearer of [forged, old, 'garbage', `${holder.bearer}x`]) {
      expect(await errorOf(await verify(bearer))).toMatchObject({ status: 401, code: 'invalid_api_key' });
    }
    await middleware.internal('DELETE', `identity-bindings/${holder.senderId}`);
    expect(await errorOf(await verify(holder.bearer))).toMatchObject({ status: 403, code: 'forbidden' });
  });
});

describe('POST /internal/tenants', () => {
  const tenant = { tenant_id: 'acme', name: 'Acme', agent_policy: 'listed', agents: [{ agent_id: 'tables', enabled: true }] };

  it('makes the tenant what is stated, however often', async () => {
    const created = await middleware.internal('POST', 'tenants', tenant);
    const again = await middleware.internal('POST', 'tenants', tenant);
    expect([created.status, again.status]).toEqual([201, 200]);
    const body = (await created.json()) as object;
    const defaults = { tool_policy: 'all', tools: [], approve_writes: false, limits: {} };
    expect(body).toEqual({ ...tenant, ...defaults, created_at: expect.any(String) });
    expect(await again.json()).toEqual(body);
    const changed = await middleware.internal('POST', 'tenants', { tenant_id: 'acme', name: 'Acme Ltd' });
    expect(await changed.json()).toEqual({ ...body, name: 'Acme Ltd', agent_policy: 'all', agents: [] });
  });

  it('takes a hundred agents', async () => {
    const agents = Array.from({ length: 100 }, (_, index) => ({ agent_id: `agent-${index}` }));
    const { senderId } = await middleware.newTenant({ agent_policy: 'listed', agents });
    const resolved = (await (await resolve(`hundred-${senderId}`, senderId)).json()) as { allowed_agents: string[] };
    expect(resolved.allowed_agents).toHaveLength(100);
  });

  it.each([
    ['tenant_id', { ...tenant, tenant_id: '../x' }],
    ['name', { ...tenant, name: '   ' }],
    ['agent_policy', { ...tenant, agent_policy: 'some' }],
    ['agents', { ...tenant, agent_policy: 'all' }],
  ])('refuses a wrong %s', async (param, body) => {
    expect(await errorOf(await middleware.internal('POST', 'tenants', body))).toMatchObject({
      status: 400,
      code: 'invalid_request',
      param,
    });
  });
});
