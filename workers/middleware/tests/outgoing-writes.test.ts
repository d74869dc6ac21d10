import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { connectShop } from './_upstreams.ts';

const COPIES = 20;

let upstream: ApiUpstream;
let middleware: MiddlewareHarness;
let holder: Holder;
let orders = 0;

beforeAll(async () => {
  upstream = await startApiUpstream();
  middleware = await startMiddleware({ OUTBOUND_PRIVATE_HOSTS: upstream.host });
  holder = await middleware.newTenant();
  await connectShop(middleware, holder.tenantId, { baseUrl: upstream.url });
});
afterAll(async () => {
  await middleware.stop();
  await upstream.close();
});
beforeEach(() => {
  orders = 0;
  upstream.onRequest(() => {
    orders += 1;
    return { status: 201, body: { order: orders } };
  });
});

function order(key: string, item = 'bolt') {
  return middleware.call(holder, 'shop_createOrder', { body: { item } }, key);
}

/** As if the Worker had died after it asked: the record stands as begun, since an hour. */
async function leaveBegun(key: string): Promise<void> {
  const database = await middleware.database();
  const anHourAgo = new Date(Date.now() - 3_600_000).toISOString();
  await database
    .prepare("update tool_effects set state = 'begun', result = 'null', created_at = ? where tenant_id = ? and idempotency_key = ?")
    .bind(anHourAgo, holder.tenantId, key)
    .run();
}

async function readState(key: string): Promise<string | null> {
  const database = await middleware.database();
  return database
    .prepare('select state from tool_effects where tenant_id = ? and idempotency_key = ?')
    .bind(holder.tenantId, key)
    .first<string>('state');
}

async function readAudit(): Promise<readonly { action: string; outcome: string; target: string; details: Record<string, unknown> }[]> {
  const text = await (await middleware.internal('GET', `audit/${holder.tenantId}?limit=1000`)).text();
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('a write that goes out', () => {
  it('is on record before it is asked for, and after with what came of it', async () => {
    let stateWhenAsked: string | null = null;
    upstream.onRequest(async () => {
      stateWhenAsked = await readState('recorded');
      return { body: { order: 7 } };
    });
    expect(await order('recorded')).toMatchObject({ status: 200, result: { order: 7 }, replayed: false });
    expect([stateWhenAsked, await readState('recorded')]).toEqual(['begun', 'done']);
    const told = (await readAudit()).filter(({ target }) => target === 'shop_createOrder').slice(-2);
    expect(told).toMatchObject([
      { action: 'tool.begun', outcome: 'done' },
      { action: 'tool.called', outcome: 'done' },
    ]);
    expect(JSON.stringify(told)).not.toContain('bolt');
  });

  it('needs a key, and refuses it for another call', async () => {
    expect(await middleware.call(holder, 'shop_createOrder', { body: { item: 'a' } }, null)).toMatchObject({ status: 400 });
    await order('mismatch');
    expect(await order('mismatch', 'nut')).toMatchObject({ status: 422, error: { code: 'idempotency_mismatch' } });
    expect(orders).toBe(1);
  });

  it('repeated, is answered and not asked for again', async () => {
    const [first, second] = [await order('repeated'), await order('repeated')];
    expect([first.replayed, second.replayed, second.text, orders]).toEqual([false, true, first.text, 1]);
  });

  it(`asked for ${COPIES} times at once, goes out once; the others are answered, or told that it is under way`, async () => {
    for (let round = 0; round < 3; round += 1) {
      const before = orders;
      const answers = await Promise.all(Array.from({ length: COPIES }, () => order(`copies-${round}`)));
      expect(orders - before).toBe(1);
      expect(answers.filter(({ status, replayed }) => status === 200 && !replayed)).toHaveLength(1);
      for (const { status, replayed, error } of answers) {
        if (status !== 200) expect([status, error?.message]).toEqual([409, expect.stringContaining('is not over')]);
        else expect(typeof replayed).toBe('boolean');
      }
      expect(await order(`copies-${round}`)).toMatchObject({ status: 200, replayed: true });
    }
  });

  it('of which nobody knows whether it has happened, is not asked for again', async () => {
    await order('lost');
    await leaveBegun('lost');
    const answer = await order('lost');
    expect(answer).toMatchObject({ status: 409, error: { code: 'conflict' } });
    expect(answer.error?.message).toContain('not known whether it has happened');
    expect(orders).toBe(1);
  });

  it.each([
    ['shop_replaceOrder', { id: '1', body: { item: 'nut' } }, 'PUT'],
    ['shop_deleteOrder', { id: '1' }, 'DELETE'],
  ])('is asked for again where the upstream has its effect once: %s', async (tool, input, method) => {
    await middleware.call(holder, tool, input, `again-${method}`);
    await leaveBegun(`again-${method}`);
    expect(await middleware.call(holder, tool, input, `again-${method}`)).toMatchObject({ status: 200, replayed: false });
    expect(orders).toBe(2);
    expect(upstream.requests.slice(-2).map(({ headers }) => headers['idempotency-key'])).toEqual([`again-${method}`, `again-${method}`]);
    expect(await middleware.call(holder, tool, input, `again-${method}`)).toMatchObject({ status: 200, replayed: true });
  });

  it('is asked for again where the administrator says so', async () => {
    const tenant = await middleware.newTenant();
    await connectShop(middleware, tenant.tenantId, { baseUrl: upstream.url, overrides: { createOrder: { idempotent: true } } });
    upstream.onRequest(() => 'reset');
    const create = () => middleware.call(tenant, 'shop_createOrder', { body: { item: 'a' } }, 'twice');
    expect(await create()).toMatchObject({ status: 502 });
    upstream.onRequest(() => ({ body: 'now' }));
    expect(await create()).toMatchObject({ status: 200, result: 'now' });
  });

  it.each([
    ['a connection that breaks', 'reset' as const, 'upstream_failed'],
    ['a failure of the upstream', { status: 503 }, 'upstream_failed'],
    ['a redirect to elsewhere', { status: 302, headers: { location: 'https://elsewhere.example/' } }, 'upstream_failed'],
  ])('stays on record as begun after %s, and says that nobody knows', async (name, reply, code) => {
    upstream.onRequest(() => reply);
    const failed = await order(name.replaceAll(' ', '-'));
    expect(failed.error).toMatchObject({ code });
    expect(failed.error?.message).toContain('not known whether it has happened');
    expect(await readState(name.replaceAll(' ', '-'))).toBe('begun');
    expect((await readAudit()).at(-1)).toMatchObject({ action: 'tool.called', outcome: 'failed', details: { effect: 'unknown' } });
  });

  it('that the upstream refuses leaves no record: mended, it may use its key', async () => {
    upstream.onRequest(() => ({ status: 422, body: { detail: 'out of stock' } }));
    const refused = await order('refused');
    expect(refused).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
    expect(refused.error?.message).toContain('out of stock');
    expect(await readState('refused')).toBeNull();
    upstream.onRequest(() => ({ body: 'in stock' }));
    expect(await order('refused', 'nut')).toMatchObject({ status: 200, result: 'in stock' });
  });

  it('that is done is done, though its answer cannot be read', async () => {
    upstream.onRequest(() => ({ body: 'x'.repeat(1_200_000) }));
    expect(await order('too-much')).toMatchObject({ status: 200, result: { status: 200, note: expect.stringContaining('It is done') } });
    expect(await readState('too-much')).toBe('done');
  });

  it('is written down though the caller has hung up', async () => {
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<{ body: string }>();
    upstream.onRequest(() => {
      asked.resolve();
      return answered.promise;
    });
    const leaving = new AbortController();
    const call = middleware.data(holder, 'tools/shop_createOrder/call', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'hung-up' },
      body: JSON.stringify({ arguments: { body: { item: 'a' } } }),
      signal: leaving.signal,
    });
    await asked.promise;
    leaving.abort();
    await expect(call).rejects.toThrow();
    // From here on the Worker runs only what was told to outlive its caller.
    await middleware.log.waitFor(({ event_type: event, error }) => event === 'request.completed' && error?.code === 'cancelled');
    answered.resolve({ body: 'done all the same' });
    await expect.poll(() => readState('hung-up'), { timeout: 10_000 }).toBe('done');
    expect(await order('hung-up', 'a')).toMatchObject({ status: 200, replayed: true, result: 'done all the same' });
  });

  it('of a sender that is bound no longer does not go out', async () => {
    const leaving = await middleware.newTenant();
    await connectShop(middleware, leaving.tenantId, { baseUrl: upstream.url });
    expect((await middleware.internal('DELETE', `identity-bindings/${leaving.senderId}`)).status).toBe(204);
    expect(await middleware.call(leaving, 'shop_createOrder', { body: { item: 'a' } })).toMatchObject({ status: 403 });
    expect(orders).toBe(0);
  });
});
