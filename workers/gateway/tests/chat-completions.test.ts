import { verifyGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import { LogLine } from '@rubot/contracts/log';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, createHarness, ENV, IDENTITY, unlinked } from './_harness.ts';

async function errorOf(response: Response) {
  const body = (await response.json()) as { error: { message: string; type: string; param: string | null; code: string } };
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(response.headers.get('x-rubot-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(response.headers.get('x-rubot-api-version')).toBe('v1');
  expect(response.headers.get('x-should-retry')).toMatch(/^(true|false)$/);
  return { status: response.status, ...body.error };
}

describe('POST /v1/chat/completions', () => {
  it('answers with the completion of the orchestrator, trace, run and version in the headers', async () => {
    const gateway = await createHarness();
    const response = await gateway.complete(CHAT);
    expect(await response.json()).toEqual(COMPLETION);
    expect(response.headers.get('x-rubot-run-id')).toMatch(/^run_[0-9a-f]{32}$/);
    expect(response.headers.get('x-rubot-trace-id')).toBe(response.headers.get('x-request-id'));
    expect(response.headers.get('x-rubot-api-version')).toBe('v1');
  });

  it('passes the body on byte for byte, unknown fields too', async () => {
    const gateway = await createHarness();
    const body = '{ "messages": [{"role":"user","content":"hé"}],\n "field_of_2027": {"a": [1, 2.50]} }';
    await gateway.complete(body);
    expect(new TextDecoder().decode(gateway.toOrchestrator[0]?.body as Uint8Array)).toBe(body);
  });

  it('passes the answer on byte for byte, once it is known to be a completion', async () => {
    const text = JSON.stringify({ ...COMPLETION, logit: 1, spaced: [] }, undefined, 3).replace('"logit": 1', '"logit": 1.0e0');
    const orchestrator = async () => new Response(text, { headers: { 'content-type': 'application/json; charset=utf-8' } });
    const gateway = await createHarness({ orchestrator });
    const response = await gateway.complete(CHAT);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.text()).toBe(text);
  });

  it('tells the orchestrator who speaks, in a bearer and a grant bound to tenant, session, sender and run', async () => {
    const gateway = await createHarness();
    const response = await gateway.complete(CHAT);
    const headers = gateway.toOrchestrator[0]?.headers ?? {};
    expect(headers).toMatchObject({
      authorization: `Bearer ${ENV.GATEWAY_API_KEY}`,
      'x-tenant-id': 'acme',
      'x-chat-source-session-id': 'session-1',
      'x-chat-source-sender-id': '+15550100',
      'x-rubot-allowed-agents': 'tables',
    });
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const subject = { tenant: 'acme', session: 'session-1', sender: '+15550100', run: response.headers.get('x-rubot-run-id') };
    const { 'x-rubot-data-bearer': bearer = '', 'x-rubot-bearer-grant': grant = '' } = headers;
    expect(await verifyBearer({ keys, bearer, nowMs: Date.now() })).toMatchObject(subject);
    expect(await verifyGrant({ keys, grant, nowMs: Date.now() })).toMatchObject(subject);
  });

  it('lets what is nobody’s header end here', async () => {
    const gateway = await createHarness();
    const foreign = {
      'x-forwarded-for': '10.0.0.1',
      'cf-connecting-ip': '10.0.0.1',
      'cf-access-jwt-assertion': 'forged',
      'x-stainless-lang': 'forged',
      'openai-organization': 'forged',
      'x-made-up': 'forged',
    };
    expect((await gateway.complete(CHAT, foreign)).status).toBe(200);
    const sent = JSON.stringify([gateway.toOrchestrator, gateway.toMiddleware].flat().map(({ headers }) => headers));
    expect(sent).not.toMatch(/forged|10\.0\.0\.1/);
    expect(gateway.toOrchestrator[0]?.headers['x-rubot-allowed-agents']).toBe('tables');
  });

  it('shows an unlinked sender the linking page, whole and streamed, and calls nobody', async () => {
    const gateway = await createHarness({ middleware: unlinked });
    const whole = (await (await gateway.complete(CHAT)).json()) as { choices: { message: { content: string } }[]; rubot: unknown };
    const url = 'https://app.test/link?from=chat&sender=%2B15550100';
    expect(whole.choices[0]?.message.content).toContain(url);
    expect(whole.rubot).toEqual({ status: 'sender_unlinked', link_url: url });
    const stream = await (await gateway.complete({ ...CHAT, stream: true, stream_options: { include_usage: true } })).text();
    expect(stream).toContain(url);
    expect(stream.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(gateway.toOrchestrator).toHaveLength(0);
  });

  it('asks who a session is once in moments, and again after an unlink', async () => {
    const gateway = await createHarness();
    await gateway.complete(CHAT);
    await gateway.complete(CHAT);
    expect(gateway.toMiddleware).toHaveLength(1);
    await gateway.complete(CHAT, { 'x-chat-source-sender-id': '+15550199' });
    expect(gateway.toMiddleware).toHaveLength(2);
    await gateway.request('/admin/identity-bindings/%2B15550100', {
      method: 'DELETE',
      headers: { authorization: `Bearer ${ENV.ADMIN_API_KEY}` },
    });
    await gateway.complete(CHAT);
    expect(gateway.toMiddleware.map(({ method }) => method)).toEqual(['POST', 'POST', 'DELETE', 'POST']);
  });
});

describe('who may ask', () => {
  const post = { method: 'POST', body: JSON.stringify(CHAT) };

  it.each([
    ['no key', {}],
    ['a wrong key', { authorization: `Bearer ${ENV.GATEWAY_API_KEY}x` }],
    ['a prefix of the key', { authorization: `Bearer ${ENV.GATEWAY_API_KEY.slice(0, -1)}` }],
    ['the key of another door', { authorization: `Bearer ${ENV.ADMIN_API_KEY}` }],
    ['another scheme', { authorization: `Basic ${ENV.GATEWAY_API_KEY}` }],
  ])('refuses %s', async (_name, headers) => {
    const gateway = await createHarness();
    const error = await errorOf(
      await gateway.request('/v1/chat/completions', { ...post, headers: { ...IDENTITY, ...headers } as Record<string, string> }),
    );
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect(gateway.toMiddleware).toHaveLength(0);
  });

  it('accepts the former key while it is rotated', async () => {
    const gateway = await createHarness();
    expect((await gateway.complete(CHAT, { authorization: `Bearer ${ENV.GATEWAY_API_KEY_PREVIOUS}` })).status).toBe(200);
  });

  it.each([
    ['x-chat-source-sender-id', 'two, senders'],
    ['x-chat-source-sender-id', '../admin'],
    ['x-chat-source-session-id', 'a, b'],
    ['x-chat-source-session-id', 'x'.repeat(257)],
  ])('refuses %s: %s', async (name, value) => {
    const gateway = await createHarness();
    expect(await errorOf(await gateway.complete(CHAT, { [name]: value }))).toMatchObject({ status: 400, param: name });
  });

  it('refuses a request that does not say who speaks', async () => {
    const gateway = await createHarness();
    const headers = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, 'x-chat-source-session-id': 's' };
    expect(await errorOf(await gateway.request('/v1/chat/completions', { ...post, headers }))).toMatchObject({
      status: 400,
      param: 'x-chat-source-sender-id',
    });
  });

  it('opens /admin to the admin key alone', async () => {
    const gateway = await createHarness();
    const list = (key: string) => gateway.request('/admin/identity-bindings', { headers: { authorization: `Bearer ${key}` } });
    expect((await list(ENV.GATEWAY_API_KEY)).status).toBe(401);
    expect(gateway.toMiddleware).toHaveLength(0);
  });
});

describe('bad input', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  it.each<[string, unknown, number, string]>([
    ['broken JSON', '{"messages": [', 400, 'invalid_request'],
    ['an empty body', '', 400, 'invalid_request'],
    ['null', 'null', 400, 'invalid_request'],
    ['an array', '[]', 400, 'invalid_request'],
    ['a string', '"hello"', 400, 'invalid_request'],
    ['no messages', {}, 400, 'invalid_request'],
    ['empty messages', { messages: [] }, 400, 'invalid_request'],
    ['messages of nulls', { messages: [null] }, 400, 'invalid_request'],
    ['an unknown role', { messages: [{ role: 'root', content: 'x' }] }, 400, 'invalid_request'],
    ['content of the wrong type', { messages: [{ role: 'user', content: 1 }] }, 400, 'invalid_request'],
    ['two choices', { ...CHAT, n: 2 }, 400, 'invalid_request'],
    ['a temperature of a stove', { ...CHAT, temperature: 200 }, 400, 'invalid_request'],
    ['a depth of 100,000', deep, 400, 'invalid_request'],
    ['a depth of 100,000 inside a body', `{"messages":${deep}}`, 400, 'invalid_request'],
    [
      'half a million wrong parts',
      { messages: [{ role: 'user', content: Array.from({ length: 500_000 }, () => 1) }] },
      400,
      'invalid_request',
    ],
    [
      'half a million wrong tool calls',
      { messages: [{ role: 'assistant', content: null, tool_calls: Array.from({ length: 500_000 }, () => 1) }] },
      400,
      'invalid_request',
    ],
    ['39,000 wrong parts', { messages: [{ role: 'user', content: Array.from({ length: 39_000 }, () => 1) }] }, 400, 'invalid_request'],
    ['a __proto__ key', '{"messages":[{"role":"user","content":"x","__proto__":{"admin":true}}]}', 400, 'invalid_request'],
    ['more than the limit', { messages: [{ role: 'user', content: 'x'.repeat(1_048_577) }] }, 413, 'payload_too_large'],
  ])('answers %s with a clear refusal', async (_name, body, status, code) => {
    const gateway = await createHarness();
    const error = await errorOf(await gateway.complete(body));
    expect(error).toMatchObject({ status, code });
    expect(error.message.length).toBeGreaterThan(20);
    expect(gateway.toOrchestrator).toHaveLength(0);
  });

  it('refuses bytes that are not UTF-8, and a body that is not JSON by its own account', async () => {
    const gateway = await createHarness();
    const headers = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...IDENTITY };
    const bytes = new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
    expect(await errorOf(await gateway.request('/v1/chat/completions', { method: 'POST', headers, body: bytes }))).toMatchObject({
      status: 400,
    });
    const text = await gateway.complete(CHAT, { 'content-type': 'text/plain' });
    expect(await errorOf(text)).toMatchObject({ status: 415 });
  });

  it('reads nothing past the limit', async () => {
    const gateway = await createHarness();
    let given = 0;
    const endless = new ReadableStream({
      pull(controller) {
        given += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const headers = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...IDENTITY };
    const response = await gateway.request('/v1/chat/completions', {
      method: 'POST',
      headers,
      body: endless,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
    expect(given).toBeLessThan(1_048_576 + 4 * 65_536);
  });

  it('names the field that is wrong, as OpenAI does', async () => {
    const gateway = await createHarness();
    const error = await errorOf(await gateway.complete({ messages: [CHAT.messages[0], { role: 'tool', content: 'x' }] }));
    expect(error).toMatchObject({ param: 'messages[1].tool_call_id' });
  });

  it('has a shaped answer for a path that is not there', async () => {
    const gateway = await createHarness();
    expect(await errorOf(await gateway.request('/v2/nothing'))).toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('trace', () => {
  it('is one, from the client to both services, and each line of it fits the envelope', async () => {
    const gateway = await createHarness();
    const traceparent = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`;
    const response = await gateway.complete(CHAT, { traceparent });
    expect(response.headers.get('x-rubot-trace-id')).toBe('c'.repeat(32));
    const lines = gateway.lines.map((line) => LogLine.parse(line));
    const root = lines.find((line) => line.event_type === 'request.completed');
    expect(root).toMatchObject({
      parent_span_id: 'd'.repeat(16),
      tenant_id: 'acme',
      sender_id: '+15550100',
      chat_source_session_id: 'session-1',
    });
    for (const sent of [...gateway.toMiddleware, ...gateway.toOrchestrator]) {
      const call = lines.find((line) => sent.headers['traceparent'] === `00-${'c'.repeat(32)}-${line.span_id}-01`);
      expect(call).toMatchObject({ event_type: 'upstream.completed', parent_span_id: root?.span_id, trace_id: 'c'.repeat(32) });
    }
  });

  it('replaces a forged id and does not echo it', async () => {
    const gateway = await createHarness();
    const response = await gateway.complete(CHAT, { 'x-rubot-trace-id': '<script>alert(1)</script>aaaaaaa' });
    expect(response.headers.get('x-rubot-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  it('keeps keys, bearers and words out of the log', async () => {
    const gateway = await createHarness();
    await gateway.complete({ messages: [{ role: 'user', content: 'my-secret-diagnosis' }] });
    await gateway.complete({ messages: [{ role: 'user', content: 7, note: 'my-secret-diagnosis' }] });
    await gateway.complete('my-secret-diagnosis');
    const log = JSON.stringify(gateway.lines);
    expect(gateway.lines.length).toBeGreaterThan(3);
    expect(log).not.toMatch(/my-secret-diagnosis|eyJ/);
    for (const secret of Object.values(ENV).filter((value) => /^(gw|ad|mw|bs)-/.test(value))) expect(log).not.toContain(secret);
  });
});

describe('an upstream that fails', () => {
  it.each<[string, () => Promise<Response>, number, string]>([
    [
      'refuses with our error',
      async () =>
        Response.json({ error: { message: 'No such agent.', type: 'x', param: 'model', code: 'model_not_found' } }, { status: 404 }),
      404,
      'model_not_found',
    ],
    ['answers a proxy page with 502', async () => new Response('<html>bad gateway</html>', { status: 502 }), 502, 'upstream_failed'],
    [
      'answers a proxy page with 200',
      async () => new Response('<html>login</html>', { headers: { 'content-type': 'text/html' } }),
      502,
      'upstream_failed',
    ],
    ['answers JSON of another shape', async () => Response.json({ hello: 'world' }), 502, 'upstream_failed'],
    ['redirects', async () => new Response(null, { status: 302, headers: { location: 'http://elsewhere.test/' } }), 502, 'upstream_failed'],
    ['is not there', async () => Promise.reject(new TypeError('connect ECONNREFUSED 10.1.2.3:80')), 503, 'unavailable'],
  ])('%s: a typed error, whole and streamed', async (_name, orchestrator, status, code) => {
    const gateway = await createHarness({ orchestrator });
    for (const stream of [false, true]) {
      const error = await errorOf(await gateway.complete({ ...CHAT, stream }));
      expect(error).toMatchObject({ status, code });
      expect(error.message).not.toMatch(/10\.1\.2\.3|<html>/);
    }
  });

  it('fails closed when the middleware cannot say who speaks', async () => {
    const gateway = await createHarness({ middleware: async () => new Response('oops', { status: 500 }) });
    expect((await errorOf(await gateway.complete(CHAT))).status).toBe(502);
    expect(gateway.toOrchestrator).toHaveLength(0);
  });

  it('passes on that a session belongs to another sender', async () => {
    const refusal = {
      error: { message: 'This session belongs to another sender.', type: 'permission_error', param: null, code: 'forbidden' },
    };
    const gateway = await createHarness({ middleware: async () => Response.json(refusal, { status: 403 }) });
    expect(await errorOf(await gateway.complete(CHAT))).toMatchObject({ status: 403, code: 'forbidden' });
  });
});
