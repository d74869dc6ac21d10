import type { ServerResponse } from 'node:http';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { describe, expect, it } from 'vitest';
import { CHAT, COMPLETION, ENV } from './_harness.ts';
import { atEnd, CLIENT_HEADERS, complete, SSE, startGateway, stopAfterEach } from './_workerd.ts';

stopAfterEach();

const STREAM = { ...CHAT, stream: true };

describe('the gateway in workerd', () => {
  it.each(['before headers', 'before the first token', 'mid-stream'])(
    'a client that leaves %s is noticed upstream within a second',
    async (moment) => {
      const { promise: left, resolve: onLeft } = Promise.withResolvers<number>();
      const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
      const gateway = await startGateway((request, response) => {
        response.on('close', () => onLeft(performance.now()));
        if (moment !== 'before headers') response.writeHead(200, SSE).flushHeaders();
        if (moment === 'mid-stream') response.write('data: {"choices":[]}\n\n');
        request.resume();
        onAsked();
      });
      const client = new AbortController();
      const answer = complete(gateway.url, STREAM, { signal: client.signal });
      await asked;
      if (moment === 'mid-stream') await (await answer).body?.getReader().read();
      const abortedAt = performance.now();
      client.abort();
      await answer.catch(() => {});
      expect((await left) - abortedAt).toBeLessThan(1_000);
    },
  );

  it.each([
    ['ends', (response: ServerResponse) => response.end()],
    ['is reset', (response: ServerResponse) => response.socket?.resetAndDestroy()],
  ])('an upstream that %s in the middle of a frame becomes an error frame', async (_how, cut) => {
    const { promise: started, resolve: onStarted } = Promise.withResolvers<ServerResponse>();
    const gateway = await startGateway((_request, response) => {
      response.writeHead(200, SSE).write('data: {"choices":[]}\n\ndata: {"cho', () => onStarted(response));
    });
    const answer = await complete(gateway.url, STREAM);
    cut(await started);
    expect(await answer.text()).toMatch(/^(data: \{"choices":\[\]\}\n\n)?data: \{"error":\{.*"code":"stream_interrupted"\}\}\n\n$/);
  });

  it('passes twenty events as twenty chunks', async () => {
    const events = Array.from({ length: 20 }, (_, index) => `data: {"n":${index}}\n\n`);
    const { promise: finished, resolve: finish } = Promise.withResolvers<ServerResponse>();
    const gateway = await startGateway((_request, response) => {
      response.writeHead(200, SSE).flushHeaders();
      finish(response);
    });
    const answer = complete(gateway.url, STREAM);
    const upstream = await finished;
    const chunks: string[] = [];
    const reader = (await answer).body?.getReader();
    for (const event of events) {
      upstream.write(event);
      const chunk = await reader?.read();
      chunks.push(new TextDecoder().decode(chunk?.value));
    }
    upstream.end('data: [DONE]\n\n');
    expect(chunks).toEqual(events);
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('data: [DONE]\n\n');
  });

  it('refuses 60 MB without reading it, with and without a declared length', async () => {
    const gateway = await startGateway((_request, response) => response.end());
    const declared = await complete(gateway.url, CHAT, { body: new Uint8Array(60_000_000).fill(0x20) });
    expect(declared.status).toBe(413);
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 1_000_000;
        if (given > 60_000_000) controller.close();
        else controller.enqueue(new Uint8Array(1_000_000).fill(0x20));
      },
    });
    const chunked = await complete(gateway.url, CHAT, { body: endless, duplex: 'half' } as RequestInit);
    expect(chunked.status).toBe(413);
    expect(await chunked.json()).toMatchObject({ error: { code: 'payload_too_large' } });
    expect(given).toBeLessThan(30_000_000);
  });

  it('keeps a flood out where the platform’s rate limit is bound', async () => {
    const gateway = await startGateway((_request, response) => response.end(JSON.stringify(COMPLETION)), {
      rateLimits: { SHIELD: { limit: 3, periodSeconds: 60 } },
    });
    const statuses: number[] = [];
    for (let count = 0; count < 6; count += 1) statuses.push((await complete(gateway.url, CHAT)).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
    expect((await complete(gateway.url, CHAT, { headers: { ...CLIENT_HEADERS, 'x-chat-source-sender-id': '+2' } })).status).toBe(200);
  });

  it('refuses a depth of 100,000', async () => {
    const gateway = await startGateway((_request, response) => response.end());
    const deep = `{"messages":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect((await complete(gateway.url, CHAT, { body: deep })).status).toBe(400);
  });

  it('serves nothing, health included, with a configuration that is wrong, and logs each problem', async () => {
    const lines: string[] = [];
    const { promise: logged, resolve } = Promise.withResolvers<void>();
    const workers = await startWorkers({
      workers: [
        {
          directory: new URL('../', import.meta.url),
          variables: { ...ENV, BEARER_SIGNING_SECRET: '', ADMIN_API_KEY: 'short' },
          standIns: { MIDDLEWARE: async () => new Response() },
        },
      ],
      onLine(line) {
        lines.push(line);
        resolve();
      },
      onNoise: () => {},
    });
    atEnd(() => workers.stop());
    const response = await fetch(`${workers.urlOf('rubot-gateway-dev')}/healthz`);
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { code: 'misconfigured' } });
    await logged;
    expect(lines.join()).toMatch(/BEARER_SIGNING_SECRET is not set/);
    expect(lines.join()).toMatch(/ADMIN_API_KEY must be at least 32 bytes/);
  });
});
