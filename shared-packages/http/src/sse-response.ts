import { HEADERS } from '@rubot/contracts/headers';
import { RubotError } from '@rubot/errors';
import { toSseErrorFrame } from '@rubot/errors/to-openai';

export interface SseFrame {
  /** Where a reader that comes back goes on; a frame without one does not move it. */
  readonly id?: number;
  readonly event?: string;
  readonly data: string;
}

export interface SseResponseOptions {
  /** Ends without throwing only when the stream is whole. */
  readonly frames: AsyncIterable<SseFrame>;
  /** A comment is sent after this long without a frame, so that no proxy takes silence for death. */
  readonly heartbeatMs: number;
  /** A reader that takes nothing for this long while there is something for it is cut off; without it, it is waited for. */
  readonly stallTimeoutMs?: number;
  /** Closes the connection, where the server lends that: a reader that takes nothing does not take an end either. */
  readonly disconnect?: (() => void) | undefined;
  /** Called once: with nothing when the stream was whole, with the error when it broke or the reader left or was cut off. */
  readonly onEnd: (error?: RubotError) => void;
}

export const SSE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  // no-transform and x-accel-buffering: a proxy that compresses or buffers would hold tokens back.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(': ping\n\n');
const NOTHING = new Uint8Array();
/** A longer frame is handed over in pieces, so that a reader who takes it slowly is seen to take something. */
const PIECE_BYTES = 16_384;
/** For a reader that wakes up just then: long enough to be told, short enough to give its memory back. */
const LAST_WORDS_MS = 2_000;

export function encodeSseFrame({ id, event, data }: SseFrame): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  const eventLine = event === undefined ? '' : `event: ${event}\n`;
  return `${idLine}${eventLine}data: ${data}\n\n`;
}

/**
 * Frames as a 200. A failure after the 200 is told in one `data: {"error":…}` frame and then the stream ends:
 * never silently, and never with a finish reason that nobody gave. (Hono's `streamSSE` writes the raw message of
 * an error to the client, or ends the stream without a word.) The next frame is asked for when the reader has taken
 * the last one, so that a reader that lags is owed one frame, however much there is to say.
 */
export function createSseResponse(options: SseResponseOptions): Response {
  const { heartbeatMs, stallTimeoutMs, disconnect } = options;
  const source = createSource(options);
  let heartbeat: Timer | undefined;
  let stall: Timer | undefined;
  let farewell: Timer | undefined;
  let frame: Uint8Array = NOTHING;

  function watch(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (stallTimeoutMs === undefined || farewell !== undefined || (controller.desiredSize ?? 0) > 0) return;
    stall = setTimeout(() => cut(controller, toSlowReader(stallTimeoutMs)), stallTimeoutMs);
  }

  function cut(controller: ReadableStreamDefaultController<Uint8Array>, error: RubotError): void {
    stopTimer(heartbeat);
    // A clean end would wait behind what is not taken.
    farewell = setTimeout(disconnect ?? (() => controller.error(error)), LAST_WORDS_MS);
    source.stop(error).catch(ignoreKnownEnd);
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
      }, heartbeatMs);
    },
    async pull(controller) {
      stopTimer(stall);
      if (frame.length === 0) frame = (await source.next()) ?? NOTHING;
      if (frame.length === 0) {
        stopTimer(heartbeat);
        controller.close();
        return;
      }
      controller.enqueue(frame.subarray(0, PIECE_BYTES));
      frame = frame.subarray(PIECE_BYTES);
      watch(controller);
    },
    cancel() {
      stopTimer(heartbeat);
      stopTimer(stall);
      stopTimer(farewell);
      return source.stop(new RubotError('cancelled', 'The client closed the connection before the answer was complete.'));
    },
  });
  return new Response(body, { headers: SSE_HEADERS });
}

interface Source {
  /** The next frame; the last words of a failure are one, too. Nothing when there is no more to say. */
  next(): Promise<Uint8Array | undefined>;
  /** Ends it before its end. */
  stop(error: RubotError): Promise<void>;
}

function createSource({ frames, onEnd }: SseResponseOptions): Source {
  const iterator = frames[Symbol.asyncIterator]();
  let hasEnded = false;
  let lastWords: Uint8Array | undefined;

  function end(error?: RubotError): void {
    if (hasEnded) return;
    hasEnded = true;
    if (error !== undefined) lastWords = encoder.encode(toSseErrorFrame(error));
    onEnd(error);
  }

  return {
    async next() {
      try {
        if (!hasEnded) {
          const { done, value } = await iterator.next();
          if (done !== true) return encoder.encode(encodeSseFrame(value));
          end();
        }
      } catch (thrown) {
        end(RubotError.from(thrown));
      }
      const words = lastWords;
      lastWords = undefined;
      return words;
    },
    async stop(error) {
      end(error);
      await iterator.return?.();
    },
  };
}

function toSlowReader(unreadMs: number): RubotError {
  return new RubotError(
    'slow_reader',
    `Nothing of this stream was read for ${unreadMs} ms, so it was cut off. Read on at /v1/runs/{id}/events?after_seq={n}: the id is in the header ${HEADERS.runId}, n is the number of the last event that arrived, or 0.`,
  );
}

type Timer = ReturnType<typeof setTimeout>;

function stopTimer(timer: Timer | undefined): void {
  if (timer !== undefined) clearTimeout(timer);
}

// It was told when it was known.
function ignoreKnownEnd(): void {}
