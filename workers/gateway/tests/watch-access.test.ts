import { mintActionBearer } from '@rubot/bearer/action-bearer';
import { importBearerKeys } from '@rubot/bearer/keys';
import type { UpstreamInit } from '@rubot/http/upstream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHAT, ENV, IDENTITY, RUN_ID } from './_harness.ts';
import { askWith, createFakePlatform, type FakePlatform, type KnownToken, TOKEN_ID, TOKEN_SENDER } from './_middleware.ts';
import { openStream } from './_streams.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const EVENTS = `/v1/runs/${RUN_ID}/events`;
const PING = ': ping\n\n';
const PROMISE_MS = 5_000;
const HEARTBEAT_MS = 15_000;

function questionsOf({ gateway }: FakePlatform): number {
  return gateway.toMiddleware.filter(({ url }) => url.endsWith('/resolve')).length;
}

/** Reads on for as long as it is told to, and says what came. */
function readOn(response: Response) {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let isOpen = true;
  const ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value);
    }
    isOpen = false;
  })();
  return { text: () => text, isOpen: () => isOpen, ended };
}

interface OpenEvents extends FakePlatform {
  readonly known: KnownToken;
  readonly upstream: ReturnType<typeof openStream>;
  readonly stream: ReturnType<typeof readOn>;
}

async function openEvents(token: Partial<KnownToken> = {}, path = EVENTS): Promise<OpenEvents> {
  const upstream = openStream();
  const platform = await createFakePlatform({ orchestrator: upstream.fetch });
  const { text, known } = await platform.middleware.addToken({ scopes: ['run:read', 'chat:write'], ...token });
  const isRead = path === EVENTS;
  const body = isRead ? {} : { body: { ...CHAT, stream: true } };
  const response = await askWith(platform.gateway, text, isRead ? 'GET' : 'POST', path, body);
  expect(response.status).toBe(200);
  const stream = readOn(response);
  upstream.push(PING);
  return { ...platform, known, upstream, stream };
}

/** Time in which the run says, as it does, that it lives. */
async function letPass(upstreams: readonly ReturnType<typeof openStream>[], timeMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < timeMs; passedMs += HEARTBEAT_MS) {
    for (const upstream of upstreams) upstream.push(PING);
    await vi.advanceTimersByTimeAsync(Math.min(HEARTBEAT_MS, timeMs - passedMs));
  }
}

async function expectEnd({ stream, upstream }: OpenEvents, code: string): Promise<void> {
  await stream.ended;
  expect(stream.text()).toMatch(new RegExp(`^(: ping\\n\\n)+data: \\{"error":\\{[^\\n]*"code":"${code}"\\}\\}\\n\\n$`));
  expect(await upstream.stopped).toMatchObject({ code });
}

describe('an open stream', () => {
  it.each([EVENTS, '/v1/chat/completions'])('ends within five seconds of its token, told in one frame, and upstream: %s', async (path) => {
    for (const status of ['revoked', 'expired'] as const) {
      const open = await openEvents({}, path);
      await vi.advanceTimersByTimeAsync(20_000);
      expect(open.stream.isOpen()).toBe(true);
      open.known.status = status;
      await vi.advanceTimersByTimeAsync(PROMISE_MS);
      await expectEnd(open, 'invalid_api_key');
      expect(open.gateway.lines.find((line) => line.event_type === 'request.completed')).toMatchObject({
        error: { code: 'invalid_api_key' },
      });
    }
  });

  it.each<[string, (open: OpenEvents) => void]>([
    ['is bound to nobody', ({ middleware }) => middleware.tenantOf.delete(TOKEN_SENDER)],
    ['is bound to another tenant', ({ middleware }) => middleware.tenantOf.set(TOKEN_SENDER, 'other')],
  ])('ends when its sender %s', async (_name, change) => {
    const open = await openEvents();
    await vi.advanceTimersByTimeAsync(7_000);
    change(open);
    await vi.advanceTimersByTimeAsync(PROMISE_MS);
    await expectEnd(open, 'forbidden');
  });

  it('ends when the chat source’s sender is moved to another tenant', async () => {
    const upstream = openStream();
    const platform = await createFakePlatform({ orchestrator: upstream.fetch });
    const stream = readOn(await askWith(platform.gateway, ENV.GATEWAY_API_KEY, 'GET', EVENTS, { headers: IDENTITY }));
    platform.middleware.tenantOf.set('+15550100', 'other');
    await vi.advanceTimersByTimeAsync(PROMISE_MS);
    await stream.ended;
    expect(stream.text()).toContain('"code":"forbidden"');
  });

  it('is not ended by a token of another tenant that names its sender', async () => {
    const upstream = openStream();
    const platform = await createFakePlatform({ orchestrator: upstream.fetch });
    const { text } = await platform.middleware.addToken({ tenant_id: 'other' });
    const stream = readOn(await askWith(platform.gateway, ENV.GATEWAY_API_KEY, 'GET', EVENTS, { headers: IDENTITY }));
    for (let second = 0; second < 20; second += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      expect((await askWith(platform.gateway, text, 'POST', '/v1/chat/completions', { body: CHAT, headers: IDENTITY })).status).toBe(403);
    }
    expect(stream.isOpen()).toBe(true);
  });

  it('ends with its credential’s own life', async () => {
    const open = await openEvents({ expires_at: new Date(Date.now() + 60_000).toISOString() });
    await letPass([open.upstream], 59_000);
    expect(open.stream.isOpen()).toBe(true);
    await vi.advanceTimersByTimeAsync(4_000);
    await expectEnd(open, 'invalid_api_key');
  });

  it('ends with the life of a bearer of an action, though its token lives on', async () => {
    const upstream = openStream();
    const platform = await createFakePlatform({ orchestrator: upstream.fetch });
    await platform.middleware.addToken({ scopes: ['run:read'] });
    const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
    const subject = { tenantId: 'acme', tokenId: TOKEN_ID, actionId: 'a', scopes: ['run:read'] as const };
    const bearer = await mintActionBearer({ keys, subject, ttlSeconds: 60, nowMs: Date.now() });
    const stream = readOn(await askWith(platform.gateway, bearer, 'GET', EVENTS));
    await letPass([upstream], 58_000);
    expect(stream.isOpen()).toBe(true);
    await letPass([upstream], 5_000);
    await stream.ended;
    expect(stream.text()).toContain('"code":"invalid_api_key"');
  });

  it('goes on for hours where nothing has ended', async () => {
    const open = await openEvents({ expires_at: new Date(Date.now() + 86_400_000).toISOString() });
    await letPass([open.upstream], 7_200_000);
    expect(open.stream.isOpen()).toBe(true);
  });

  it('asks no more once it has ended', async () => {
    const open = await openEvents();
    open.upstream.push('event: end\ndata: {}\n\n');
    open.upstream.end();
    await open.stream.ended;
    const before = questionsOf(open);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(questionsOf(open)).toBe(before);
  });
});

const isDown = () => Promise.reject(new TypeError('connect ECONNREFUSED'));

describe('a middleware that cannot be reached', () => {
  it('for a moment ends nothing', async () => {
    const open = await openEvents();
    for (let outage = 0; outage < 5; outage += 1) {
      await letPass([open.upstream], 10_000);
      open.middleware.intercept = isDown;
      await vi.advanceTimersByTimeAsync(2_000);
      open.middleware.intercept = undefined;
    }
    await letPass([open.upstream], 10_000);
    expect(open.stream.isOpen()).toBe(true);
  });

  it('for longer ends what nobody can vouch for, and says that it may have begun', async () => {
    const open = await openEvents();
    await vi.advanceTimersByTimeAsync(10_000);
    open.middleware.intercept = isDown;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(open.stream.isOpen()).toBe(true);
    await vi.advanceTimersByTimeAsync(4_000);
    await expectEnd(open, 'unavailable');
  });

  it('is as bad when it never answers', async () => {
    const open = await openEvents();
    await vi.advanceTimersByTimeAsync(10_000);
    open.middleware.intercept = (_path: string, { signal }: UpstreamInit) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await vi.advanceTimersByTimeAsync(7_000);
    await expectEnd(open, 'unavailable');
  });
});

describe('an answer that is not streamed', () => {
  /** A completion that is asked for, and is never given by itself. */
  async function askForever() {
    const { promise: begun, resolve: onBegin } = Promise.withResolvers<void>();
    const platform = await createFakePlatform({
      orchestrator: (_url, { signal }) => {
        onBegin();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
    });
    const { text, known } = await platform.middleware.addToken();
    const answer = askWith(platform.gateway, text, 'POST', '/v1/chat/completions', { body: CHAT });
    await begun;
    return { ...platform, known, answer };
  }

  it('is not given to one whose access ends while it is made', async () => {
    const { known, answer } = await askForever();
    known.status = 'revoked';
    await vi.advanceTimersByTimeAsync(PROMISE_MS);
    const response = await answer;
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([401, 'false']);
  });

  it('is not to be asked for again where nobody can say whether it may be given: it has begun', async () => {
    const { middleware, answer } = await askForever();
    middleware.intercept = isDown;
    await vi.advanceTimersByTimeAsync(7_000);
    const response = await answer;
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([503, 'false']);
  });
});

describe('many open streams of one caller', () => {
  it.each([0, 300])('ask once in two and a half seconds together, and end together: answered in %i ms', async (answerMs) => {
    const upstreams: ReturnType<typeof openStream>[] = [];
    const platform = await createFakePlatform({
      orchestrator: (url, init) => {
        const upstream = openStream();
        upstreams.push(upstream);
        return upstream.fetch(url, init);
      },
    });
    const { text, known } = await platform.middleware.addToken({ scopes: ['run:read'] });
    const streams: ReturnType<typeof readOn>[] = [];
    for (let count = 0; count < 50; count += 1) {
      streams.push(readOn(await askWith(platform.gateway, text, 'GET', EVENTS)));
      await vi.advanceTimersByTimeAsync(37);
    }
    platform.middleware.intercept = async () => {
      await new Promise((resolve) => setTimeout(resolve, answerMs));
      return undefined;
    };
    const before = questionsOf(platform);
    await letPass(upstreams, 60_000);
    // One of the token and one of the session in each life of an answer.
    expect(questionsOf(platform) - before).toBeLessThanOrEqual(2 * (60_000 / 2_500) + 2);
    known.status = 'revoked';
    await vi.advanceTimersByTimeAsync(PROMISE_MS);
    await Promise.all(streams.map(({ ended }) => ended));
    expect(streams.filter((stream) => stream.text().includes('"code":"invalid_api_key"'))).toHaveLength(50);
    expect(upstreams).toHaveLength(50);
  });
});
