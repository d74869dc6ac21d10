import { type ApiUpstream, startApiUpstream } from '@rubot/testkit/api-upstream';
import { findLeaks } from '@rubot/testkit/secret-forms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeKeys } from '../../src/stack/keys.ts';
import { type ModelStack, postCompletion, startModelStack } from '../_stack.ts';
import { type ShopAgent, startShopAgent } from './_shop-agent.ts';

const CREDENTIAL = 'shop-key-Vb3/Xn+8Qm2Tz5=Kw7';
const OPENAPI = {
  openapi: '3.1.0',
  paths: {
    '/orders/{id}': {
      get: {
        operationId: 'getOrder',
        summary: 'Reads an order.',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      },
    },
    '/orders': {
      post: {
        operationId: 'createOrder',
        summary: 'Places an order.',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { type: 'object', properties: { item: { type: 'string' } }, required: ['item'] } } },
        },
      },
    },
  },
};

const lines: string[] = [];
let upstream: ApiUpstream;
let agent: ShopAgent;
let stack: ModelStack;

beforeAll(async () => {
  [upstream, agent] = await Promise.all([startApiUpstream(), startShopAgent()]);
  const keys = completeKeys({});
  stack = await startModelStack({
    agents: ['conversational'],
    extraAgents: { shop: agent.origin },
    keys,
    variables: { middleware: { OUTBOUND_PRIVATE_HOSTS: upstream.host } },
    onLine: (line) => lines.push(line),
    onNoise: (line) => lines.push(line),
  });
  agent.begin({
    ORCHESTRATOR_API_KEY: keys.ORCHESTRATOR_API_KEY,
    MIDDLEWARE_URL: stack.urls.middleware,
    MODEL_SPECIFIER: 'openai/test-model',
    OPENAI_API_KEY: 'sk-of-the-test-shop',
    OPENAI_BASE_URL: stack.model.url,
  });
});
afterAll(async () => {
  await stack.stop();
  await Promise.all([agent.stop(), upstream.close()]);
});

/** As the operator does, at the gateway. */
function connect(fields: Record<string, unknown>): Promise<Response> {
  return fetch(`${stack.urls.gateway}/admin/tenants/${stack.demo.tenant_id}/connections/shop`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'http', base_url: `${upstream.url}/v1`, openapi: OPENAPI, auth: { type: 'bearer' }, ...fields }),
  });
}

async function ask(question: string): Promise<{ status: number; text: string }> {
  const response = await postCompletion(stack, { model: 'rubot/shop', messages: [{ role: 'user', content: question }] });
  return { status: response.status, text: await response.text() };
}

describe('an upstream that a tenant has connected', () => {
  it('is asked by an agent, through all of rubot, and alone sees its credential', async () => {
    const saved = await connect({ credential: CREDENTIAL });
    expect(saved.status).toBe(201);
    // One that says what it was asked with: what it echoes must not go further than the middleware.
    upstream.onRequest(({ headers, method }) => ({ body: { method, state: 'shipped', asked_with: headers } }));

    stack.model.script({ toolCalls: [{ name: 'shop_getOrder', arguments: { id: 'SO-1' } }] }, { text: 'It is shipped.' });
    const read = await ask('Where is my order SO-1?');
    expect(read).toMatchObject({ status: 200 });
    expect(read.text).toContain('It is shipped.');

    stack.model.script({ toolCalls: [{ name: 'shop_createOrder', arguments: { body: { item: 'bolt' } } }] }, { text: 'It is ordered.' });
    const written = await ask('Order a bolt.');
    expect(written.text).toContain('It is ordered.');

    expect(upstream.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ['GET', '/v1/orders/SO-1', ''],
      ['POST', '/v1/orders', '{"item":"bolt"}'],
    ]);
    expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${CREDENTIAL}`, `Bearer ${CREDENTIAL}`]);
    expect(upstream.requests[1]?.headers['idempotency-key']).toMatch(/^run_/);
    // What the upstream said has come to the model, without the credential.
    expect(JSON.stringify(stack.model.requests.at(-1)?.body)).toContain('Bearer [credential]');
    const leaks = findLeaks({ CREDENTIAL }, [
      ['connection', await saved.text()],
      ['answers', read.text + written.text],
      ...stack.model.requests.map(({ body, headers }, index) => [`prompt ${index}`, JSON.stringify([body, headers])] as const),
      ['log', lines.join('\n')],
      ['log of the agent', agent.lines.join('\n')],
    ]);
    expect(leaks).toEqual([]);
    expect([stack.model.requests.length, lines.length > 10, agent.lines.length > 2]).toEqual([4, true, true]);
  });

  it('that refuses is told to the model in words, so that it can mend its call', async () => {
    upstream.onRequest(({ path }) =>
      path.endsWith('/SO-2') ? { body: { state: 'open' } } : { status: 404, body: { detail: 'ids begin with SO-' } },
    );
    stack.model.script(
      { toolCalls: [{ name: 'shop_getOrder', arguments: { id: '2' } }] },
      { toolCalls: [{ name: 'shop_getOrder', arguments: { id: 'SO-2' } }] },
      { text: 'It is open.' },
    );
    expect((await ask('And order 2?')).text).toContain('It is open.');
    expect(JSON.stringify(stack.model.requests.at(-2)?.body)).toContain('ids begin with SO-');
  });

  it('taken away, is offered no longer', async () => {
    const deleted = await fetch(`${stack.urls.gateway}/admin/tenants/${stack.demo.tenant_id}/connections/shop`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${stack.keys.ADMIN_API_KEY}` },
    });
    expect(deleted.status).toBe(204);
    const before = upstream.requests.length;
    stack.model.script({ toolCalls: [{ name: 'shop_getOrder', arguments: { id: 'SO-1' } }] }, { text: 'I cannot look.' });
    await ask('Where is SO-1?');
    expect(upstream.requests.length).toBe(before);
  });
});
