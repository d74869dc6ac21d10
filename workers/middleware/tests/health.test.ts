import { createLogger } from '@rubot/logging';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMiddlewareApp } from '../src/app.ts';
import type { MiddlewareDeps } from '../src/deps.ts';
import { readMiddlewareConfig } from '../src/env.ts';
import { MIDDLEWARE_EVENTS } from '../src/events.ts';
import { createProviderRegistry } from '../src/providers/registry.ts';
import type { Store } from '../src/store/store.ts';
import { ENV, errorOf, startMiddleware } from './_harness.ts';

function createApp(checkReady: () => Promise<void>) {
  const config = readMiddlewareConfig(ENV);
  const unused = () => Promise.reject(new Error('not part of this test'));
  const deps: Partial<MiddlewareDeps> = {
    config,
    logger: createLogger({ source: config.logSource, events: MIDDLEWARE_EVENTS, sink: () => {} }),
    store: { checkReady } as Partial<Store> as Store,
    providers: createProviderRegistry({
      builtIn: [],
      readConnection: () => ({ id: 'unused', auth: 'none', isConnected: false, tools: [] }),
    }),
    verifyBearer: unused,
  };
  // Readiness asks for nothing else.
  return createMiddlewareApp(deps as MiddlewareDeps);
}

describe('GET /readyz', () => {
  afterEach(() => vi.useRealTimers());

  it('is 503 while the database refuses', async () => {
    const response = await createApp(() => Promise.reject(new Error('no such table: tenants'))).request('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not_ready', checks: { database: 'unavailable' } });
  });

  it('is 503 after a second for a database that does not answer', async () => {
    vi.useFakeTimers();
    const pending = createApp(() => new Promise(() => {})).request('/readyz');
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await pending).status).toBe(503);
  });
});

describe('the Worker', () => {
  it('answers on its open paths, and on no other', async () => {
    const middleware = await startMiddleware();
    try {
      const read = async (path: string) => (await fetch(`${middleware.url}${path}`)).text();
      expect(await read('/')).toBe('ok');
      expect(JSON.parse(await read('/healthz'))).toEqual({ status: 'ok' });
      expect(JSON.parse(await read('/readyz'))).toEqual({ status: 'ready', checks: { database: 'ok' } });
      expect(await errorOf(await fetch(`${middleware.url}/nowhere`))).toMatchObject({ status: 404, code: 'not_found' });
    } finally {
      await middleware.stop();
    }
  });

  it('without its secrets serves nothing, and names each of them in the log alone', async () => {
    const middleware = await startMiddleware({ MIDDLEWARE_API_KEY: 'short', BEARER_SIGNING_SECRET: '' });
    try {
      const response = await fetch(`${middleware.url}/healthz`);
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({ error: { code: 'misconfigured' } });
      const line = await middleware.log.waitFor(({ event_type }) => event_type === 'service.failed');
      expect(line.error?.detail).toMatch(/MIDDLEWARE_API_KEY must be at least 32 bytes[\s\S]*BEARER_SIGNING_SECRET is not set/);
    } finally {
      await middleware.stop();
    }
  });
});
