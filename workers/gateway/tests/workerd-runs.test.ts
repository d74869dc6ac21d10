import { mintGrant } from '@rubot/bearer/grant';
import { importBearerKeys } from '@rubot/bearer/keys';
import { verifyBearer } from '@rubot/bearer/verify';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, ENV, RUN, RUN_ID } from './_harness.ts';
import { CLIENT_HEADERS, complete, linked, SSE, startGateway, stopAfterEach } from './_workerd.ts';

stopAfterEach();

const PING = ': ping\n\n';
const END = 'id: 3\nevent: end\ndata: {}\n\n';
const SHORT = { REQUEST_TIMEOUT_MS: '2000' };

function readEvents(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/runs/${RUN_ID}/events`, { headers: CLIENT_HEADERS, ...init });
}

describe('a stream of events, in workerd', () => {
  it('outlives the time of a request', async () => {
    const gateway = await startGateway(
      (_request, response) => {
        response.writeHead(200, SSE);
        let sent = 0;
        const timer = setInterval(() => {
          sent += 1;
          response.write(PING);
          if (sent < 15) return;
          clearInterval(timer);
          response.end(END);
        }, 200);
      },
      { env: SHORT },
    );
    expect(await (await readEvents(gateway.url)).text()).toBe(PING.repeat(15) + END);
  });

  it('is told to be broken when it is silent for too long, and is not read any more', async () => {
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
    const gateway = await startGateway(
      (_request, response) => {
        response.on('close', onClose);
        response.writeHead(200, SSE).write(PING);
      },
      { env: { EVENTS_SILENCE_MS: '200' } },
    );
    expect(await (await readEvents(gateway.url)).text()).toMatch(/^: ping\n\ndata: \{"error":\{.*"code":"stream_interrupted"\}\}\n\n$/);
    await closed;
  });

  it('ends upstream with its client, also after the time of a request', async () => {
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
    const gateway = await startGateway(
      (_request, response) => {
        response.writeHead(200, SSE);
        const timer = setInterval(() => response.write(PING), 100);
        response.on('close', () => {
          clearInterval(timer);
          onClose();
        });
      },
      { env: SHORT },
    );
    const client = new AbortController();
    const reader = (await readEvents(gateway.url, { signal: client.signal })).body!.getReader();
    for (let heartbeat = 0; heartbeat < 24; heartbeat += 1) await reader.read();
    client.abort();
    await closed;
  });
});

describe('runs, in workerd', () => {
  it('are accepted with place and status', async () => {
    const gateway = await startGateway((_request, response) => {
      const headers = {
        'content-type': 'application/json',
        location: `/v1/runs/${RUN_ID}`,
        'x-rubot-run-id': RUN_ID,
        'idempotent-replayed': 'true',
      };
      response.writeHead(202, headers).end(JSON.stringify(RUN));
    });
    const response = await fetch(`${gateway.url}/v1/runs`, { method: 'POST', headers: CLIENT_HEADERS, body: JSON.stringify(CHAT) });
    expect([response.status, await response.json()]).toEqual([202, RUN]);
    const names = ['location', 'x-rubot-run-id', 'idempotent-replayed', 'x-rubot-bearer-grant'];
    expect(names.map((name) => response.headers.get(name))).toEqual([`/v1/runs/${RUN_ID}`, RUN_ID, 'true', null]);
  });

  it('get bearers from their grant for as long as their sender is bound', async () => {
    let isBound = true;
    const gateway = await startGateway((_request, response) => response.end(JSON.stringify(COMPLETION)), {
      middleware: () => (isBound ? linked() : Promise.resolve(Response.json({ status: 'unlinked' }))),
    });
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const subject = { tenantId: 'acme', sessionId: 'session-1', senderId: '+15550100', runId: RUN_ID };
    const grant = await mintGrant({ keys, subject, nowMs: Date.now() });
    const headers = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, 'content-type': 'application/json' };
    const renew = (): Promise<Response> =>
      fetch(`${gateway.url}/internal/bearers`, { method: 'POST', headers, body: JSON.stringify({ grant }) });
    const { bearer } = (await (await renew()).json()) as { bearer: string };
    expect(await verifyBearer({ keys, bearer, nowMs: Date.now() })).toMatchObject({ tenant: 'acme', run: RUN_ID });
    expect((await complete(gateway.url, CHAT)).status).toBe(200);
    isBound = false;
    expect((await renew()).status).toBe(403);
    expect(gateway.lines.join()).not.toContain('eyJ');
  });
});

describe('GET /readyz, in workerd', () => {
  it('asks the services once for many who ask together', async () => {
    let asked = 0;
    const gateway = await startGateway((_request, response) => {
      asked += 1;
      // Long enough for all to have come.
      setTimeout(() => response.end('{}'), 200);
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${gateway.url}/readyz`)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    // One, on a machine that takes them all within a second.
    expect(asked).toBeLessThan(5);
  });

  it('answers the others when the one who asked the services has left', async () => {
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    let count = 0;
    const gateway = await startGateway((_request, response) => {
      count += 1;
      onAsked();
      if (count > 1) response.end('{}');
    });
    const first = new AbortController();
    const left = fetch(`${gateway.url}/readyz`, { signal: first.signal });
    await asked;
    const others = Array.from({ length: 5 }, () => fetch(`${gateway.url}/readyz`));
    first.abort();
    await expect(left).rejects.toThrow('aborted');
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(count).toBeLessThan(5);
  });
});
