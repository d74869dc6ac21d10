import type { LogLine } from '@rubot/contracts/log';
import { RubotError } from '@rubot/errors';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { startSpan } from '@rubot/logging/span';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDeadline, readGrantedMs } from './deadline.ts';
import { callUpstream, callUpstreamJson, type FetchLike, type UpstreamCall } from './upstream.ts';

const Answer = z.looseObject({ ok: z.literal(true) });

function createCall(fetch: FetchLike, overrides: Partial<UpstreamCall> = {}): { call: UpstreamCall; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const source = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'debug' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: (line) => lines.push(line) });
  const span = startSpan({
    logger,
    traceId: 'a'.repeat(32),
    parentSpanId: undefined,
    event: 'request.completed',
    name: 'GET /',
    kind: 'server',
  });
  const deadline = createDeadline({ timeoutMs: 60_000 });
  return {
    lines,
    call: { fetch, peer: 'rubot-peer', method: 'POST', url: 'http://peer.test/v1/x', body: '{}', span, deadline, ...overrides },
  };
}

function refusing(code: string): FetchLike {
  return () => Promise.reject(Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('socket'), { code }) }));
}

describe('callUpstream', () => {
  it('sends trace, wire version, remaining time, and no way to be redirected', async () => {
    let sent: Parameters<FetchLike>[1] | undefined;
    const { call, lines } = createCall(async (_url, init) => {
      sent = init;
      return Response.json({ ok: true });
    });
    await callUpstreamJson(call, Answer);
    expect(sent?.headers).toMatchObject({
      'x-rubot-wire': '1',
      'x-rubot-trace-id': 'a'.repeat(32),
      traceparent: `00-${'a'.repeat(32)}-${lines[0]?.span_id}-01`,
    });
    expect(Number(sent?.headers['x-rubot-timeout-ms'])).toBeGreaterThan(59_000);
    expect(sent?.redirect).toBe('manual');
    expect(lines).toMatchObject([
      { event_type: 'upstream.completed', parent_span_id: call.span.spanId, extra: { peer: 'rubot-peer', span_kind: 'client' } },
    ]);
  });

  it.each([
    ['ECONNREFUSED', true],
    ['UND_ERR_CONNECT_TIMEOUT', true],
    ['ENOTFOUND', true],
    ['ECONNRESET', false],
    ['UND_ERR_SOCKET', false],
  ])('calls a POST that failed with %s repeatable: %s', async (code, retryable) => {
    const { call } = createCall(refusing(code));
    await expect(callUpstream(call)).rejects.toMatchObject({ code: 'unavailable', retryable });
  });

  it('throws the reason of the deadline, whatever the runtime made of the abort', async () => {
    const deadline = createDeadline({ timeoutMs: 60_000 });
    const { call, lines } = createCall(
      (_url, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new DOMException('x', 'AbortError')))),
      { deadline },
    );
    const answer = callUpstream(call);
    deadline.abort(new RubotError('deadline_exceeded', 'Too late.'));
    await expect(answer).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(lines.map((line) => line.error?.code)).toEqual(['deadline_exceeded']);
  });

  it('reads no more of a refusal than one of ours could be', async () => {
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const { call } = createCall(async () => new Response(endless, { status: 500 }));
    await expect(callUpstream(call)).rejects.toMatchObject({ code: 'upstream_failed' });
    expect(given).toBeLessThan(300_000);
  });

  it('says that the time is over when it ends while a refusal is read', async () => {
    const deadline = createDeadline({ timeoutMs: 60_000 });
    const hanging = new ReadableStream<Uint8Array>({
      start(controller) {
        deadline.signal.addEventListener('abort', () => controller.error(new DOMException('x', 'AbortError')));
      },
      pull: () => deadline.abort(new RubotError('deadline_exceeded', 'Too late.')),
    });
    const { call } = createCall(async () => new Response(hanging, { status: 500 }), { deadline });
    await expect(callUpstream(call)).rejects.toMatchObject({ code: 'deadline_exceeded' });
  });

  it('does not blame a client for a key that one service refuses another', async () => {
    const refusal = { error: { message: 'The API key is not right.', type: 'authentication_error', param: null, code: 'invalid_api_key' } };
    const { call } = createCall(async () => Response.json(refusal, { status: 401 }));
    await expect(callUpstream(call)).rejects.toMatchObject({
      code: 'misconfigured',
      retryable: false,
      operatorDetail: expect.stringContaining('rubot-peer'),
    });
  });

  it('calls a failed call repeatable that may be sent twice', async () => {
    const { call } = createCall(refusing('ECONNRESET'), { isIdempotent: true });
    await expect(callUpstream(call)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  it.each([
    ['another shape', Response.json({ ok: false })],
    ['no JSON', new Response('<html>')],
    ['too much', new Response(new Uint8Array(8_388_609))],
  ])('refuses an answer with %s', async (_name, response) => {
    const { call } = createCall(async () => response);
    await expect(callUpstreamJson(call, Answer)).rejects.toMatchObject({ code: 'upstream_failed' });
  });
});

describe('createDeadline', () => {
  it('turns a client that leaves, and one that left before, into cancelled', () => {
    const client = new AbortController();
    const deadline = createDeadline({ timeoutMs: 60_000, callerSignal: client.signal });
    client.abort('Client connection prematurely closed.');
    expect(deadline.signal.reason).toMatchObject({ code: 'cancelled' });
    expect(createDeadline({ timeoutMs: 60_000, callerSignal: client.signal }).signal.reason).toMatchObject({ code: 'cancelled' });
  });

  it.each([
    ['300', 300],
    ['99999999', 5_000],
    ['-1', 5_000],
    ['soon', 5_000],
    [undefined, 5_000],
  ])('takes a granted time of %s for %i ms', (granted, expected) => {
    const headers = new Headers(granted === undefined ? {} : { 'x-rubot-timeout-ms': granted });
    expect(readGrantedMs(headers, 5_000)).toBe(expected);
  });

  it('counts down and never below zero', () => {
    let nowMs = 1_000;
    const deadline = createDeadline({ timeoutMs: 500, now: () => nowMs });
    nowMs = 1_200;
    expect(deadline.remainingMs()).toBe(300);
    nowMs = 9_000;
    expect(deadline.remainingMs()).toBe(0);
    deadline.clear();
  });
});

describe('an answer that does not stop', () => {
  it('is read up to a limit, and then given up', async () => {
    const LIMIT_BYTES = 8_388_608;
    const PIECE = new TextEncoder().encode('x'.repeat(1_048_576));
    let sentBytes = 0;
    let isGivenUp = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"ok":true,"filler":"')),
      pull(controller) {
        sentBytes += PIECE.length;
        controller.enqueue(PIECE);
        // Whole in the end, so that whoever reads on takes it.
        if (sentBytes < 2 * LIMIT_BYTES) return;
        controller.enqueue(new TextEncoder().encode('"}'));
        controller.close();
      },
      cancel() {
        isGivenUp = true;
      },
    });
    const { call, lines } = createCall(async () => new Response(body));
    await expect(callUpstreamJson(call, Answer)).rejects.toMatchObject({ code: 'upstream_failed', retryable: false });
    expect(isGivenUp).toBe(true);
    expect(sentBytes).toBeLessThanOrEqual(LIMIT_BYTES + 2 * PIECE.length);
    expect(lines).toMatchObject([{ event_type: 'upstream.completed', error: { code: 'upstream_failed' } }]);
  });
});
