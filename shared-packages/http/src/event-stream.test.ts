import type { LogLine } from '@rubot/contracts/log';
import { createLogger } from '@rubot/logging';
import { COMMON_EVENTS } from '@rubot/logging/events';
import { startSpan } from '@rubot/logging/span';
import { describe, expect, it, vi } from 'vitest';
import { isEventStream, toEventStream } from './event-stream.ts';

function answerOf(response: Response) {
  const lines: LogLine[] = [];
  const source = { service: 'rubot-test', environment: 'development', deploymentHash: 'local', level: 'debug' } as const;
  const logger = createLogger({ source, events: COMMON_EVENTS, sink: (line) => lines.push(line) });
  const span = startSpan({
    logger,
    traceId: 'a'.repeat(32),
    parentSpanId: undefined,
    event: 'upstream.completed',
    name: 'POST /',
    kind: 'client',
  });
  return { lines, answer: { response, span } };
}

const withType = (type: string) => new Response('data: 1\n\n', { headers: { 'content-type': type } });

describe('isEventStream', () => {
  it.each([
    ['text/event-stream', true],
    ['text/event-stream; charset=utf-8', true],
    ['Text/Event-Stream', true],
    ['text/event-streams', false],
    ['application/json', false],
    ['text/html; profile="text/event-stream"', false],
  ])('takes %s for one: %s', (type, expected) => {
    expect(isEventStream(withType(type))).toBe(expected);
  });

  it('takes an answer without a body for none', () => {
    expect(isEventStream(new Response(null, { headers: { 'content-type': 'text/event-stream' } }))).toBe(false);
  });
});

describe('toEventStream', () => {
  it('hands out the body, and leaves the span to its reader', async () => {
    const { answer, lines } = answerOf(withType('text/event-stream'));
    expect(await toEventStream(answer, 'rubot-peer')).toBe(answer.response.body);
    expect(lines).toEqual([]);
  });

  it('refuses a page of a proxy, lets go of it, and ends the span', async () => {
    const cancel = vi.fn();
    const page = new Response(new ReadableStream({ cancel }), { headers: { 'content-type': 'text/html' } });
    const { answer, lines } = answerOf(page);
    await expect(toEventStream(answer, 'rubot-peer')).rejects.toMatchObject({
      code: 'upstream_failed',
      message: expect.stringContaining('rubot-peer'),
      operatorDetail: 'status 200, text/html',
    });
    expect(cancel).toHaveBeenCalledOnce();
    expect(lines).toMatchObject([{ error: { code: 'upstream_failed' } }]);
  });
});
