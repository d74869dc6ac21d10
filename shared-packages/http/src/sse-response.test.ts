import { RubotError } from '@rubot/errors';
import { describe, expect, it, vi } from 'vitest';
import { readSse } from './read-sse.ts';
import { createSseResponse, type SseFrame } from './sse-response.ts';

async function* framesOf(items: readonly string[], failure?: unknown): AsyncGenerator<SseFrame> {
  for (const data of items) yield { data };
  if (failure !== undefined) throw failure;
}

async function eventsOf(body: ReadableStream<Uint8Array>): Promise<readonly (readonly [string | undefined, string])[]> {
  const events: [string | undefined, string][] = [];
  for await (const { event, data } of readSse(body, 'the peer')) events.push([event, data]);
  return events;
}

function bodyOf(response: Response): ReadableStream<Uint8Array> {
  if (response.body === null) throw new TypeError('the response has no body');
  return response.body;
}

describe('createSseResponse', () => {
  it('sends each frame as a chunk of its own, and tells of the whole end once', async () => {
    const ends: unknown[] = [];
    const response = createSseResponse({ frames: framesOf(['1', '2']), heartbeatMs: 60_000, onEnd: (error) => ends.push(error) });
    const chunks: string[] = [];
    for await (const chunk of bodyOf(response)) chunks.push(new TextDecoder().decode(chunk));
    expect(chunks).toEqual(['data: 1\n\n', 'data: 2\n\n']);
    expect(ends).toEqual([undefined]);
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform');
  });

  it.each([
    [new RubotError('deadline_exceeded', 'Too late.'), 'deadline_exceeded', 'Too late.'],
    [new TypeError('secret of the house'), 'internal', 'trace id'],
    ['a thrown string', 'internal', 'trace id'],
  ])('tells of a failure in a frame and leaks nothing: %s', async (failure, code, words) => {
    const ends: (RubotError | undefined)[] = [];
    const response = createSseResponse({ frames: framesOf(['1'], failure), heartbeatMs: 60_000, onEnd: (error) => ends.push(error) });
    const events = await eventsOf(bodyOf(response));
    const { error } = JSON.parse(events.at(-1)?.[1] ?? '') as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('secret of the house');
    expect(ends.map((end) => end?.code)).toEqual([code]);
  });

  it('stops the work when the reader leaves', async () => {
    const ends: (string | undefined)[] = [];
    let stopped = false;
    async function* endless(): AsyncGenerator<SseFrame> {
      try {
        for (;;) yield { data: 'x' };
      } finally {
        stopped = true;
      }
    }
    const reader = bodyOf(
      createSseResponse({ frames: endless(), heartbeatMs: 60_000, onEnd: (error) => ends.push(error?.code) }),
    ).getReader();
    await reader.read();
    await reader.cancel();
    expect([stopped, ends]).toEqual([true, ['cancelled']]);
  });

  it('beats while there is nothing to say, and stops with the stream', async () => {
    vi.useFakeTimers();
    try {
      const { promise, resolve } = Promise.withResolvers<void>();
      async function* late(): AsyncGenerator<SseFrame> {
        await promise;
        yield { data: 'late' };
      }
      const reader = bodyOf(createSseResponse({ frames: late(), heartbeatMs: 15_000, onEnd() {} })).getReader();
      const first = reader.read();
      await vi.advanceTimersByTimeAsync(15_000);
      expect(new TextDecoder().decode((await first).value)).toBe(': ping\n\n');
      resolve();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe('data: late\n\n');
      expect((await reader.read()).done).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('readSse', () => {
  const streamOf = (...pieces: string[]) =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
        controller.close();
      },
    });

  it('reads names, comments, CRLF and cuts inside a letter', async () => {
    const bytes = new TextEncoder().encode(': ping\n\nevent: step\r\ndata: größer\r\n\r\ndata: 2\n\n');
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut));
          controller.enqueue(bytes.slice(cut));
          controller.close();
        },
      });
      expect(await eventsOf(body)).toEqual([
        ['step', 'größer'],
        [undefined, '2'],
      ]);
    }
  });

  it('yields no event that the end cut off', async () => {
    expect(await eventsOf(streamOf('data: 1\n\n', 'data: [DO'))).toEqual([[undefined, '1']]);
  });

  it('says that a connection broke', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new TypeError('terminated'));
      },
    });
    await expect(eventsOf(broken)).rejects.toMatchObject({ code: 'stream_interrupted' });
  });

  it('refuses a frame without end', async () => {
    const piece = 'a'.repeat(65_536);
    await expect(eventsOf(streamOf('data: ', ...Array.from({ length: 20 }, () => piece)))).rejects.toMatchObject({
      code: 'upstream_failed',
    });
  });
});
