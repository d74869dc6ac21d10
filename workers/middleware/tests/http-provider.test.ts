import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { formsOf } from '@rubot/testkit/secret-forms';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Holder, type MiddlewareHarness, startMiddleware } from './_harness.ts';
import { CREDENTIAL, connectShop } from './_upstreams.ts';

let upstream: ApiUpstream;
let middleware: MiddlewareHarness;
let holder: Holder;

beforeAll(async () => {
  upstream = await startApiUpstream();
  middleware = await startMiddleware({ OUTBOUND_PRIVATE_HOSTS: upstream.host });
  holder = await middleware.newTenant();
  const saved = await connectShop(middleware, holder.tenantId, { baseUrl: `${upstream.url}/v2` });
  expect(saved.status).toBe(201);
});
afterAll(async () => {
  await middleware.stop();
  await upstream.close();
});
beforeEach(() => upstream.onRequest(() => ({ body: { ok: true } })));

function lastRequest() {
  const request = upstream.requests.at(-1);
  if (request === undefined) throw new Error('nothing was asked');
  return request;
}

describe('the tools of an http connection', () => {
  it('are listed beside those of rubot, for that tenant alone', async () => {
    const { tools } = (await (await middleware.data(holder, 'tools')).json()) as {
      tools: { name: string; provider: string; effect: string }[];
    };
    const own = tools.filter(({ provider }) => provider === 'shop').map(({ name, effect }) => [name, effect]);
    expect(own).toEqual([
      ['shop_listOrders', 'read'],
      ['shop_createOrder', 'write'],
      ['shop_getOrder', 'read'],
      ['shop_replaceOrder', 'write'],
      ['shop_deleteOrder', 'write'],
    ]);
    expect(tools.some(({ name }) => name === 'tables_list')).toBe(true);
    const other = await middleware.newTenant();
    expect(await (await middleware.data(other, 'tools')).text()).not.toContain('shop_');
    expect(await middleware.call(other, 'shop_getOrder', { id: '1' })).toMatchObject({ status: 404 });
  });

  it('stand among the connections of the tenant', async () => {
    const { connections } = (await (await middleware.data(holder, 'connections')).json()) as { connections: unknown[] };
    expect(connections).toEqual([
      { provider: 'tables', auth: 'none', connected: true },
      { provider: 'shop', auth: 'bearer', connected: true },
    ]);
  });

  it('become requests below the path of the connection, with the credential', async () => {
    const { status, result } = await middleware.call(holder, 'shop_listOrders', { status: 'open', tags: ['a', 'b&c'], 'X-Region': 'eu' });
    expect([status, result]).toEqual([200, { ok: true }]);
    expect(lastRequest()).toMatchObject({ method: 'GET', path: '/v2/orders?status=open&tags=a&tags=b%26c', body: '' });
    expect(lastRequest().headers).toMatchObject({ authorization: `Bearer ${CREDENTIAL}`, 'x-region': 'eu', 'user-agent': 'rubot' });
  });

  it('send a body, and the key of the call', async () => {
    const { status } = await middleware.call(holder, 'shop_createOrder', { body: { item: 'bolt', quantity: 2 } }, 'order-1');
    expect(status).toBe(200);
    expect(lastRequest()).toMatchObject({ method: 'POST', path: '/v2/orders', body: '{"item":"bolt","quantity":2}' });
    expect(lastRequest().headers).toMatchObject({ 'idempotency-key': 'order-1', 'content-type': 'application/json' });
  });

  it.each([
    ['one too many', { status: 'open', colour: 'red' }, ''],
    ['one that is none of the values', { status: 'lost' }, 'status'],
    ['one of another type', { tags: 'a' }, 'tags'],
    ['a list', [], ''],
  ])('refuse arguments: %s', async (_name, input, param) => {
    const before = upstream.requests.length;
    const answer = await middleware.call(holder, 'shop_listOrders', input);
    expect(answer).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
    if (param !== '') expect(answer.error?.param).toBe(param);
    expect(upstream.requests.length).toBe(before);
  });

  it('refuse what a body must not be, wherever in it', async () => {
    const answer = await middleware.call(holder, 'shop_createOrder', {
      body: { item: 'a', parent: { item: 'b', parent: { item: 'c', quantity: 0 } } },
    });
    expect(answer).toMatchObject({ status: 400, error: { param: 'body.parent.parent.quantity' } });
  });

  it.each(['..', '.', '../admin', 'a/../../admin', '..\\admin', ''])('refuse the id %j, which leads elsewhere', async (id) => {
    const before = upstream.requests.length;
    expect(await middleware.call(holder, 'shop_getOrder', { id })).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
    expect(upstream.requests.length).toBe(before);
  });

  it.each([
    ['a/b', '/v2/orders/a%2Fb'],
    ['x?admin=1#y', '/v2/orders/x%3Fadmin%3D1%23y'],
    ['%2e%2e', '/v2/orders/%252e%252e'],
    ['ü', '/v2/orders/%C3%BC'],
  ])('keep the id %j in its place', async (id, path) => {
    expect(await middleware.call(holder, 'shop_getOrder', { id })).toMatchObject({ status: 200 });
    expect(lastRequest().path).toBe(path);
  });

  it.each(['eu\r\nx-admin: 1', 'eu\nx', 'é', '\u0000'])('refuse the header %j', async (region) => {
    const before = upstream.requests.length;
    expect(await middleware.call(holder, 'shop_listOrders', { 'X-Region': region })).toMatchObject({
      status: 400,
      error: { param: 'X-Region' },
    });
    expect(upstream.requests.length).toBe(before);
  });
});

describe('what an upstream answers', () => {
  it.each([
    ['JSON', { body: [1, { a: null }] }, [1, { a: null }]],
    ['text', { headers: { 'content-type': 'text/plain' }, body: 'hello' }, 'hello'],
    ['text of no type', { body: 'hello' }, 'hello'],
    ['nothing', { status: 204 }, { status: 204 }],
  ])('is the result: %s', async (_name, reply, result) => {
    upstream.onRequest(() => reply);
    expect(await middleware.call(holder, 'shop_getOrder', { id: '1' })).toMatchObject({ status: 200, result });
  });

  it.each([
    ['400', { status: 400, body: { detail: 'quantity is low' } }, 400, 'invalid_request', 'quantity is low'],
    ['404', { status: 404, body: { detail: 'no such order' } }, 404, 'not_found', 'no such order'],
    ['409', { status: 409, body: 'taken', headers: { 'content-type': 'text/plain' } }, 409, 'conflict', 'taken'],
    [
      '422 as a page',
      { status: 422, body: '<h1>secret page</h1>', headers: { 'content-type': 'text/html' } },
      400,
      'invalid_request',
      'with status 422',
    ],
    ['401', { status: 401, body: { token: 'x' } }, 502, 'upstream_failed', 'does not accept the credential'],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, 429, 'rate_limited', 'too often'],
    ['500', { status: 500, body: { stack: 'at db (secret.ts)' } }, 502, 'upstream_failed', 'with status 500'],
    ['JSON that is none', { headers: { 'content-type': 'application/json' }, body: '{"a":' }, 502, 'upstream_failed', 'not JSON'],
    ['an image', { headers: { 'content-type': 'image/png' }, body: 'PNG' }, 502, 'upstream_failed', 'image/png'],
    ['too much', { body: 'x'.repeat(1_200_000) }, 413, 'payload_too_large', 'larger than'],
    ['a connection that breaks', 'reset' as const, 502, 'upstream_failed', 'broke off'],
    [
      'a redirect to elsewhere',
      { status: 302, headers: { location: 'http://169.254.169.254/latest' } },
      502,
      'upstream_failed',
      'another place',
    ],
  ])('is told in words that help: %s', async (_name, reply, status, code, words) => {
    upstream.onRequest(() => reply);
    const answer = await middleware.call(holder, 'shop_getOrder', { id: '1' });
    expect(answer).toMatchObject({ status, error: { code } });
    expect(answer.error?.message).toContain(words);
    expect(answer.text).not.toMatch(/secret|stack/);
  });

  it('is followed within its origin', async () => {
    upstream.onRequest(({ path }) => (path.endsWith('/moved') ? { body: 'there' } : { status: 307, headers: { location: '/v2/moved' } }));
    expect(await middleware.call(holder, 'shop_getOrder', { id: '1' })).toMatchObject({ status: 200, result: 'there' });
    expect(lastRequest().headers.authorization).toBe(`Bearer ${CREDENTIAL}`);
  });

  it('never bears the credential, in whatever form it says it', async () => {
    const forms = formsOf(CREDENTIAL).filter(({ name }) => name !== 'reversed');
    for (const status of [200, 400]) {
      upstream.onRequest(({ headers }) => ({
        status,
        body: { headers, echo: forms.map(({ text }) => `<${text}>`), [CREDENTIAL]: CREDENTIAL },
      }));
      const { text } = await middleware.call(holder, 'shop_getOrder', { id: '1' });
      expect(text).toContain('[credential]');
      for (const form of forms) expect(text.includes(form.text), form.name).toBe(false);
    }
    expect(forms.length).toBeGreaterThanOrEqual(8);
    expect(JSON.stringify(middleware.log.lines)).not.toContain(CREDENTIAL);
  });
});
