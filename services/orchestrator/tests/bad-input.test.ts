import { HEADERS } from '@rubot/contracts/headers';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, gatewayHeaders, RUN_ID, readCompletion, readError, startOrchestrator } from './_harness.ts';

let tables: FakeAgent;
beforeAll(async () => {
  tables = await startFakeAgent({ id: 'tables' });
});
afterAll(() => tables.close());

const deep = (depth: number) => `{"messages":${'['.repeat(depth)}${']'.repeat(depth)}}`;

describe('a body that is wrong', () => {
  it.each<[string, unknown, number, string, string | null]>([
    ['no JSON', '{"messages":', 400, 'invalid_request', null],
    ['nothing', '', 400, 'invalid_request', null],
    ['an array', [], 400, 'invalid_request', null],
    ['no messages', { messages: [] }, 400, 'invalid_request', 'messages'],
    ['messages of another type', { messages: 'hi' }, 400, 'invalid_request', 'messages'],
    ['an unknown role', { messages: [{ role: 'wizard', content: 'hi' }] }, 400, 'invalid_request', 'messages[0].role'],
    ['two choices', ask('hi', { n: 2 }), 400, 'invalid_request', 'n'],
    ['an unknown model', ask('hi', { model: 'gpt-5' }), 404, 'model_not_found', 'model'],
    ['a temperature of 9', ask('hi', { temperature: 9 }), 400, 'invalid_request', 'temperature'],
    ['a depth of 100,000', deep(100_000), 400, 'invalid_request', null],
    ['__proto__', '{"__proto__":{"x":1},"messages":[{"role":"user","content":"hi"}]}', 400, 'invalid_request', '__proto__'],
    ['2 MiB', ask('x'.repeat(2_097_152)), 413, 'payload_too_large', null],
  ])('is refused by name: %s', async (_, body, status, code, param) => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(await readError(await orchestrator.complete(body))).toMatchObject({ status, code, param });
    expect(await orchestrator.findRun(RUN_ID)).toBeUndefined();
  });
});

describe('a header that is wrong', () => {
  it.each<[string, string, string | undefined]>([
    ['no tenant', HEADERS.tenantId, undefined],
    ['a tenant that is a path', HEADERS.tenantId, '../acme'],
    ['no session', HEADERS.sessionId, undefined],
    ['no sender', HEADERS.senderId, undefined],
    ['no bearer', HEADERS.dataBearer, undefined],
    ['a bearer in two words', HEADERS.dataBearer, 'two words'],
    ['a forged run id', HEADERS.runId, 'run_1'],
  ])('is refused by name: %s', async (_, name, value) => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(await readError(await orchestrator.complete(ask('hi'), { headers: { [name]: value } }))).toMatchObject({
      status: 400,
      code: 'invalid_request',
      param: name,
    });
  });

  it.each([undefined, 'Bearer wrong', 'Basic abc'])('is no key: %s', async (authorization) => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    expect(await readError(await orchestrator.complete(ask('hi'), { headers: { authorization } }))).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
    });
    for (const path of ['/v1/models', '/v1/anything']) {
      const response = await fetch(`${orchestrator.url}${path}`, authorization === undefined ? {} : { headers: { authorization } });
      expect(response.status).toBe(401);
    }
  });

  it('takes the former key while it is rotated', async () => {
    const former = 'zX9cV8bN7mQ6wE5rT4yU3iO2pA1sD0fG';
    const orchestrator = await startOrchestrator({ agents: [tables], env: { GATEWAY_API_KEY_PREVIOUS: former } });
    await readCompletion(await orchestrator.complete(ask('hi'), { headers: { authorization: `Bearer ${former}` } }));
  });

  it('grants no more time than the service itself does', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables], env: { REQUEST_TIMEOUT_MS: '5000' } });
    for (const timeoutMs of ['900000', 'soon', undefined]) {
      await readCompletion(
        await orchestrator.complete(ask('hi'), { headers: { [HEADERS.timeoutMs]: timeoutMs, [HEADERS.runId]: undefined } }),
      );
      const granted = Number(tables.completions.at(-1)?.headers[HEADERS.timeoutMs]);
      expect(granted).toBeGreaterThan(3_000);
      expect(granted).toBeLessThanOrEqual(4_750);
    }
  });
});

describe('a run id', () => {
  it('is good for one run', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    await readCompletion(await orchestrator.complete(ask('hi')));
    const before = tables.completions.length;
    expect(await readError(await orchestrator.complete(ask('hi')))).toMatchObject({ status: 409, code: 'conflict' });
    expect(tables.completions).toHaveLength(before);
  });
});

describe('what is not there', () => {
  it('is a 404 in the same shape', async () => {
    const orchestrator = await startOrchestrator({ agents: [tables] });
    const response = await fetch(`${orchestrator.url}/v1/embeddings`, { method: 'POST', headers: gatewayHeaders(), body: '{}' });
    expect(await readError(response)).toMatchObject({ status: 404, code: 'not_found' });
  });
});
