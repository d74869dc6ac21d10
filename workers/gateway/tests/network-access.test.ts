import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, createHarness, ENV, RUN, RUN_ID } from './_harness.ts';
import { atEnd, complete, linked, startGateway, stopAfterEach } from './_workerd.ts';

stopAfterEach();

const ACCESS = { CF_ACCESS_CLIENT_ID: 'rubot.access', CF_ACCESS_CLIENT_SECRET: 'as-m4Vt9Kx2Lq7Zc5Rb8Yh1Nd6Ps3Wj0Ef' };
const ACCESS_HEADERS = { 'cf-access-client-id': ACCESS.CF_ACCESS_CLIENT_ID, 'cf-access-client-secret': ACCESS.CF_ACCESS_CLIENT_SECRET };

/** Every kind of call that the gateway makes of the orchestrator. */
const CALLS = [
  ['POST', '/v1/chat/completions', CHAT],
  ['POST', '/v1/chat/completions', { ...CHAT, stream: true }],
  ['POST', '/v1/runs', CHAT],
  ['GET', `/v1/runs/${RUN_ID}`, undefined],
  ['GET', `/v1/runs/${RUN_ID}/events`, undefined],
  ['POST', `/v1/runs/${RUN_ID}/cancel`, undefined],
  ['GET', '/v1/models', undefined],
  ['GET', '/readyz', undefined],
] as const;

describe('a service token of Cloudflare Access', () => {
  it.each(CALLS)('goes along with %s %s, and to the orchestrator alone', async (method, path, body) => {
    const gateway = await createHarness({ env: ACCESS });
    await gateway.ask(method, path, { body });
    expect(gateway.toOrchestrator.length).toBeGreaterThan(0);
    for (const { headers } of gateway.toOrchestrator) expect(headers).toMatchObject(ACCESS_HEADERS);
    for (const { headers } of gateway.toMiddleware) expect(Object.keys(headers).join()).not.toContain('cf-access');
  });

  it.each(CALLS)('is not made up of what a client sends with %s %s', async (method, path, body) => {
    const gateway = await createHarness();
    const response = await gateway.ask(method, path, { body, headers: ACCESS_HEADERS });
    expect(response.status).toBe(path.startsWith('/v1/') ? 400 : 200);
    for (const { headers } of gateway.toOrchestrator) expect(Object.keys(headers).join()).not.toContain('cf-access');
  });

  it('is not configured by half', async () => {
    await expect(createHarness({ env: { CF_ACCESS_CLIENT_ID: 'rubot.access' } })).rejects.toThrow('CF_ACCESS_CLIENT_SECRET');
  });
});

describe('a client certificate for the network of the orchestrator', () => {
  it('is what every call goes through where it is bound', async () => {
    const asked: string[] = [];
    const workers = await startWorkers({
      workers: [
        {
          directory: new URL('../', import.meta.url),
          // Nothing listens there: only what holds the certificate finds the way.
          variables: { ...ENV, ORCHESTRATOR_URL: 'http://127.0.0.1:9' },
          standIns: {
            MIDDLEWARE: linked,
            async ORCHESTRATOR_MTLS(request) {
              const { pathname } = new URL(request.url);
              asked.push(`${request.method} ${pathname}`);
              return Response.json(pathname === '/v1/chat/completions' ? COMPLETION : RUN);
            },
          },
        },
      ],
      onLine: () => {},
      onNoise: () => {},
    });
    atEnd(() => workers.stop());
    const url = workers.urlOf('rubot-gateway-dev');
    const response = await complete(url, CHAT);
    expect([response.status, await response.json()]).toMatchObject([200, { id: COMPLETION.id }]);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(asked).toEqual(['POST /v1/chat/completions', 'GET /readyz']);
  });

  it('is not needed where it is not bound', async () => {
    const gateway = await startGateway((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(COMPLETION));
    });
    expect((await complete(gateway.url, CHAT)).status).toBe(200);
  });
});
