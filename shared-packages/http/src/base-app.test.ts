import { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { describe, expect, it } from 'vitest';
import { answerHealthz, type BaseEnv, createBaseApp } from './base-app.ts';
import { isEqualInConstantTime, matchesSecret } from './constant-time.ts';
import { newRunId } from './run-id.ts';

function createApp(options: { readonly facesClients?: boolean } = {}) {
  const lines: LogLine[] = [];
  const source = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'info' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: (line) => lines.push(line) });
  const app = createBaseApp<BaseEnv>({ logger, ...options });
  return { app, lines };
}

describe('createBaseApp', () => {
  it.each([
    ['an Error', new Error('password=hunter2')],
    ['a string', 'password=hunter2'],
    ['null', null],
    ['an object', { status: 200, message: 'password=hunter2' }],
  ])('answers a thrown %s with a shaped 500, keeps it from the caller, and logs the failed span', async (_name, thrown) => {
    const { app, lines } = createApp();
    app.get('/boom', () => {
      throw thrown;
    });
    const response = await app.request('/boom');
    expect(response.status).toBe(500);
    expect(await response.json()).toMatchObject({ error: { type: 'server_error', code: 'internal', param: null } });
    expect(response.headers.get('x-rubot-trace-id')).toBe(lines[0]?.trace_id);
    expect(lines.map((line) => LogLine.parse(line))).toMatchObject([
      { event_type: 'request.completed', log_level: 'warn', error: { code: 'internal' }, extra: { status: 500 } },
    ]);
  });

  it('keeps probes out of a log of requests, unless they fail', async () => {
    const { app, lines } = createApp();
    app.get('/healthz', answerHealthz);
    app.get('/readyz', () => {
      throw new RubotError('unavailable', 'The database is down.');
    });
    expect((await app.request('/healthz')).status).toBe(200);
    expect(lines).toHaveLength(0);
    expect((await app.request('/readyz')).status).toBe(503);
    expect(lines).toMatchObject([{ event_type: 'probe.completed', log_level: 'warn', error: { code: 'unavailable' } }]);
  });

  it('bears the run id on failures too', async () => {
    const { app } = createApp();
    app.get('/run', (c) => {
      c.set('runId', 'run_1');
      throw new Error('x');
    });
    expect((await app.request('/run')).headers.get('x-rubot-run-id')).toBe('run_1');
  });

  it('tells where the caller stands with its limits on failures too', async () => {
    const { app } = createApp();
    app.get('/run', (c) => {
      c.set('rateLimitHeaders', { 'x-ratelimit-remaining-requests': '0' });
      throw new RubotError('rate_limited', 'Too many.');
    });
    const { status, headers } = await app.request('/run');
    expect([status, headers.get('x-ratelimit-remaining-requests'), headers.get('x-ratelimit-limit-requests')]).toEqual([429, '0', null]);
  });

  it('refuses a wire version that it does not speak, by name', async () => {
    const { app } = createApp();
    app.get('/', (c) => c.text('ok'));
    expect((await app.request('/', { headers: { 'x-rubot-wire': '1' } })).status).toBe(200);
    const refused = await app.request('/', { headers: { 'x-rubot-wire': '99' } });
    expect(await refused.json()).toMatchObject({ error: { code: 'unsupported_wire_version' } });
  });

  it('does not care for the wire version of a client', async () => {
    const { app } = createApp({ facesClients: true });
    app.get('/', (c) => c.text('ok'));
    expect((await app.request('/', { headers: { 'x-rubot-wire': '99' } })).status).toBe(200);
  });

  it('logs a request whose client left, at once', async () => {
    const { app, lines } = createApp();
    const client = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    app.get('/slow', async (c) => {
      await promise;
      return c.text('late');
    });
    const answer = app.request(new Request('http://test/slow', { signal: client.signal }));
    client.abort();
    expect(lines).toMatchObject([{ event_type: 'request.completed', error: { code: 'cancelled' } }]);
    resolve();
    await answer;
    expect(lines).toHaveLength(1);
  });
});

describe('secrets', () => {
  it('compare equal only when they are', () => {
    expect(isEqualInConstantTime('abc', 'abc')).toBe(true);
    for (const other of ['abd', 'ab', 'abcd', '', 'äbc']) expect(isEqualInConstantTime(other, 'abc')).toBe(false);
    expect(matchesSecret('old', { current: 'new', previous: 'old' })).toBe(true);
    expect(matchesSecret('undefined', { current: 'new', previous: undefined })).toBe(false);
    expect(matchesSecret('', { current: 'new', previous: undefined })).toBe(false);
  });
});

describe('newRunId', () => {
  it('is a UUIDv7 that sorts by time', () => {
    const early = newRunId(1_700_000_000_000);
    const late = newRunId(1_700_000_000_001);
    expect(early).toMatch(/^run_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    expect(early < late).toBe(true);
  });
});
