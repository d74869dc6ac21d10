import { RubotError } from '@rubot/errors';
import { createDeadline } from '@rubot/http/deadline';
import { describe, expect, it } from 'vitest';
import { bodyOf, eventStream } from '../../tests/_harness.ts';
import { relayEventStream } from './relay-event-stream.ts';

const encoder = new TextEncoder();
const chunk = (content: string) => `data: {"choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]}\n\n`;
const WHOLE = `: ping\n\n${chunk('Grüße')}${chunk(' and ')}${chunk('more')}data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`;

interface Outcome {
  readonly text: string;
  readonly error: RubotError | undefined;
  readonly ends: number;
}

async function relay(pieces: readonly Uint8Array[], breaksWith?: Error): Promise<Outcome> {
  const deadline = createDeadline({ timeoutMs: 10_000 });
  const ends: (RubotError | undefined)[] = [];
  const stream = relayEventStream({ upstream: eventStream(bodyOf(pieces, breaksWith)), deadline, onEnd: (error) => ends.push(error) });
  const text = await new Response(stream).text();
  deadline.clear();
  return { text, error: ends[0], ends: ends.length };
}

describe('relayEventStream', () => {
  it('passes every byte, however the bytes were cut into chunks', async () => {
    const bytes = encoder.encode(WHOLE);
    for (let size = 1; size <= bytes.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.slice(index * size, (index + 1) * size));
      expect(await relay(pieces)).toEqual({ text: WHOLE, error: undefined, ends: 1 });
    }
  });

  it('passes chunk for chunk, and the very bytes that came', async () => {
    const pieces = [chunk('a'), chunk('b'), 'data: [DONE]\n\n'].map((piece) => encoder.encode(piece));
    const deadline = createDeadline({ timeoutMs: 10_000 });
    const reader = relayEventStream({ upstream: eventStream(bodyOf(pieces)), deadline, onEnd() {} }).getReader();
    for (const piece of pieces) expect((await reader.read()).value).toBe(piece);
    expect((await reader.read()).done).toBe(true);
    deadline.clear();
  });

  it.each([
    ['ends', undefined],
    ['breaks', new TypeError('terminated')],
  ])('never lets a stream that %s at any byte pass for a whole one', async (_how, breaksWith) => {
    const bytes = encoder.encode(WHOLE);
    let told = 0;
    for (let length = 0; length < bytes.length; length += 1) {
      const { text, error, ends } = await relay([bytes.slice(0, length)], breaksWith);
      const frames = text.split('\n\n').slice(0, -1);
      expect(JSON.parse(frames.at(-1)?.replace('data: ', '') ?? '')).toMatchObject({ error: { code: 'stream_interrupted' } });
      for (const frame of frames) expect(frame === ': ping' || JSON.parse(frame.slice('data: '.length))).toBeTruthy();
      expect([error?.code, ends]).toEqual(['stream_interrupted', 1]);
      told += 1;
    }
    expect(told).toBe(bytes.length);
  });

  it('takes an error that the orchestrator told of for the end, and adds none', async () => {
    const text = `${chunk('a')}data: {"error":{"message":"m","type":"t","param":null,"code":"deadline_exceeded"}}\n\n`;
    expect(await relay([encoder.encode(text)])).toMatchObject({ text, error: { code: 'deadline_exceeded', message: 'm' }, ends: 1 });
  });

  it('takes an error that nobody can read for a cut', async () => {
    const { text, error, ends } = await relay([encoder.encode(`${chunk('a')}data: {"error":7}\n\n`)]);
    expect(text).toContain('"code":"stream_interrupted"');
    expect([error?.code, ends]).toEqual(['stream_interrupted', 1]);
  });

  it('takes a stream for whole that breaks behind its last frame', async () => {
    expect(await relay([encoder.encode(WHOLE)], new TypeError('terminated'))).toEqual({ text: WHOLE, error: undefined, ends: 1 });
  });

  it('gives a long frame in small pieces back as one', async () => {
    const text = `${chunk('x'.repeat(200_000))}data: [DONE]\n\n`;
    const bytes = encoder.encode(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, index) => bytes.slice(index * 100, (index + 1) * 100));
    expect((await relay(pieces)).text).toBe(text);
  });

  it('refuses a frame without end', async () => {
    const { text, error } = await relay(Array.from({ length: 20 }, () => new Uint8Array(65_536).fill(0x61)));
    expect(error?.code).toBe('upstream_failed');
    expect(text.length).toBeLessThan(1_000);
  });

  it('says that the time ran out, and tells of the end once', async () => {
    const deadline = createDeadline({ timeoutMs: 10_000 });
    const ends: unknown[] = [];
    const never = new ReadableStream<Uint8Array>({
      start(controller) {
        deadline.signal.addEventListener('abort', () => controller.error(new DOMException('aborted', 'AbortError')));
      },
    });
    const stream = relayEventStream({ upstream: eventStream(never), deadline, onEnd: (error) => ends.push(error?.code) });
    const text = new Response(stream).text();
    deadline.abort(new RubotError('deadline_exceeded', 'Too late.'));
    expect(await text).toContain('"code":"deadline_exceeded"');
    expect(ends).toEqual(['deadline_exceeded']);
  });
});
