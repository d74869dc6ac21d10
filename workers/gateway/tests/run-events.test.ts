import { RubotError } from '@rubot/errors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHAT, createHarness, ENV, IDENTITY, RUN_ID } from './_harness.ts';
import { openStream } from './_streams.ts';

const EVENTS = `/v1/runs/${RUN_ID}/events`;
const PING = ': ping\n\n';
const CHUNK = 'id: 2\ndata: {"choices":[]}\n\n';
const END = 'id: 3\nevent: end\ndata: {}\n\n';
const TIMEOUT_MS = 120_000;
const SILENCE_MS = 45_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function readerOf(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return { next: async () => (await reader.read()).value };
}

/** What is read next, or `undefined` when in the given time nothing comes. */
async function within<T>(promise: Promise<T>, timeMs: number): Promise<T | undefined> {
  let value: T | undefined;
  void promise.then((given) => {
    value = given;
  });
  await vi.advanceTimersByTimeAsync(timeMs);
  return value;
}

describe('a stream of events', () => {
  it('goes on for hours, whatever time a completion may take', async () => {
    const upstream = openStream();
    const gateway = await createHarness({ orchestrator: upstream.fetch });
    const events = readerOf(await gateway.ask('GET', EVENTS));
    for (let minute = 0; minute < 180; minute += 1) {
      upstream.push(PING);
      expect(await events.next()).toBe(PING);
      await vi.advanceTimersByTimeAsync(40_000);
    }
    upstream.push(END);
    upstream.end();
    expect([await events.next(), await events.next()]).toEqual([END, undefined]);
  });

  it('is told to be broken when it is silent for three heartbeats, and not before', async () => {
    const upstream = openStream();
    const gateway = await createHarness({ orchestrator: upstream.fetch });
    const events = readerOf(await gateway.ask('GET', EVENTS));
    for (const piece of [PING, CHUNK]) {
      upstream.push(piece);
      expect(await events.next()).toBe(piece);
      const next = events.next();
      expect(await within(next, SILENCE_MS - 1)).toBeUndefined();
      upstream.push(PING);
      expect(await next).toBe(PING);
    }
    const frame = await within(events.next(), SILENCE_MS);
    expect(frame).toMatch(/^data: \{"error":\{.*"code":"stream_interrupted"\}\}\n\n$/);
    expect(await events.next()).toBeUndefined();
    expect(await upstream.stopped).toMatchObject({ code: 'stream_interrupted' });
    expect(gateway.lines.find((line) => line.event_type === 'request.completed')).toMatchObject({ error: { code: 'stream_interrupted' } });
  });

  it('does not take a client that reads slowly for a silence', async () => {
    const upstream = openStream();
    const gateway = await createHarness({ orchestrator: upstream.fetch });
    const reader = (await gateway.ask('GET', EVENTS)).body!.getReader();
    upstream.push(CHUNK);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(CHUNK);
  });

  it('ends with its client, however long it has gone on', async () => {
    const upstream = openStream();
    const gateway = await createHarness({ orchestrator: upstream.fetch });
    const client = new AbortController();
    const headers = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...IDENTITY };
    const events = readerOf(await gateway.request(EVENTS, { headers, signal: client.signal }));
    for (let heartbeat = 0; heartbeat < 40; heartbeat += 1) {
      upstream.push(PING);
      await events.next();
      await vi.advanceTimersByTimeAsync(15_000);
    }
    client.abort();
    expect(await upstream.stopped).toMatchObject({ code: 'cancelled' });
  });

  it.each(['text/event-stream', 'application/json'])('must begin within the time of a request: %s', async (accept) => {
    const gateway = await createHarness({
      orchestrator: (_url, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const response = await within(gateway.ask('GET', EVENTS, { headers: { accept } }), TIMEOUT_MS);
    expect(response?.status).toBe(504);
    expect(gateway.toOrchestrator[0]?.headers['x-rubot-timeout-ms']).toBe(String(TIMEOUT_MS));
  });
});

describe('a stream of a completion', () => {
  it('keeps to its time, heartbeats or not', async () => {
    const upstream = openStream();
    const gateway = await createHarness({ orchestrator: upstream.fetch });
    const events = readerOf(await gateway.complete({ ...CHAT, stream: true }));
    for (let heartbeat = 0; heartbeat < 7; heartbeat += 1) {
      upstream.push(PING);
      expect(await events.next()).toBe(PING);
      await vi.advanceTimersByTimeAsync(15_000);
    }
    expect(await within(events.next(), 15_000)).toContain('"code":"deadline_exceeded"');
    expect(RubotError.is(await upstream.stopped)).toBe(true);
  });
});
