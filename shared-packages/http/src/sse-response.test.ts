import { RubotError } from '@rubot/errors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
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

describe('createSseResponse for a reader that takes nothing', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  const STALL = { heartbeatMs: 600_000, stallTimeoutMs: 1_000 };
  const textOf = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
    let text = '';
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += new TextDecoder().decode(next.value);
    return text;
  };

  /** Frames of which one is never asked for twice, and whether they were given up. */
  function watched(...data: string[]) {
    const state = { isStopped: false };
    async function* frames(): AsyncGenerator<SseFrame> {
      try {
        for (const item of data) yield { data: item };
      } finally {
        state.isStopped = true;
      }
    }
    return { state, frames: frames() };
  }

  it('gives up the work, and tells the reader when it wakes up in time', async () => {
    const { state, frames } = watched('1', '2', '3');
    const ends: (string | undefined)[] = [];
    const disconnect = vi.fn();
    const response = createSseResponse({ ...STALL, frames, disconnect, onEnd: (error) => ends.push(error?.code) });
    await vi.advanceTimersByTimeAsync(999);
    expect([state.isStopped, ends]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(1);
    expect([state.isStopped, ends]).toEqual([true, ['slow_reader']]);
    const text = await textOf(bodyOf(response).getReader());
    expect(text).toMatch(/^data: 1\n\ndata: \{"error":\{.*"code":"slow_reader"\}\}\n\n$/);
    expect(text).toContain('1000 ms');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(disconnect).toHaveBeenCalledOnce();
  });

  it('puts its words behind the whole of a long frame, never into it', async () => {
    const long = 'größer'.repeat(10_000);
    const response = createSseResponse({ ...STALL, frames: watched(long, '2').frames, disconnect() {}, onEnd() {} });
    const reader = bodyOf(response).getReader();
    const { value } = await reader.read();
    expect(value?.length).toBe(16_384);
    await vi.advanceTimersByTimeAsync(1_000);
    const events = await eventsOf(
      new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(value!);
          for (let next = await reader.read(); !next.done; next = await reader.read()) controller.enqueue(next.value);
          controller.close();
        },
      }),
    );
    expect(events).toEqual([
      [undefined, long],
      [undefined, expect.stringContaining('slow_reader')],
    ]);
    await vi.advanceTimersByTimeAsync(2_000);
  });

  it('breaks the stream off where no server lends it a way to close the connection', async () => {
    const response = createSseResponse({ ...STALL, frames: watched('1', '2').frames, onEnd() {} });
    await vi.advanceTimersByTimeAsync(3_000);
    await expect(bodyOf(response).getReader().read()).rejects.toMatchObject({ code: 'slow_reader' });
  });

  it('waits for a reader that is slow, however long it takes for all', async () => {
    const { state, frames } = watched('1', '2', '3', '4');
    const ends: unknown[] = [];
    const reader = bodyOf(createSseResponse({ ...STALL, frames, onEnd: (error) => ends.push(error) })).getReader();
    for (let index = 1; index <= 4; index += 1) {
      await vi.advanceTimersByTimeAsync(999);
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(`data: ${index}\n\n`);
    }
    expect((await reader.read()).done).toBe(true);
    expect([state.isStopped, ends]).toEqual([true, [undefined]]);
  });

  it('does not blame the reader for silence', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    async function* late(): AsyncGenerator<SseFrame> {
      await promise;
      yield { data: 'late' };
    }
    const ends: unknown[] = [];
    const reader = bodyOf(createSseResponse({ ...STALL, frames: late(), onEnd: (error) => ends.push(error) })).getReader();
    const first = reader.read();
    await vi.advanceTimersByTimeAsync(5_000);
    resolve();
    expect(new TextDecoder().decode((await first).value)).toBe('data: late\n\n');
    expect((await reader.read()).done).toBe(true);
    expect(ends).toEqual([undefined]);
  });

  it('waits for ever where nobody says how long', async () => {
    const onEnd = vi.fn();
    const response = createSseResponse({ heartbeatMs: 600_000, frames: watched('1').frames, onEnd });
    await vi.advanceTimersByTimeAsync(500_000);
    expect(onEnd).not.toHaveBeenCalled();
    expect(await textOf(bodyOf(response).getReader())).toBe('data: 1\n\n');
  });

  it('keeps one heartbeat for it, not all that it has not taken', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    async function* late(): AsyncGenerator<SseFrame> {
      await promise;
      yield { data: 'late' };
    }
    const response = createSseResponse({ heartbeatMs: 10, frames: late(), onEnd() {} });
    await vi.advanceTimersByTimeAsync(1_000);
    resolve();
    expect(await textOf(bodyOf(response).getReader())).toBe(': ping\n\ndata: late\n\n');
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
