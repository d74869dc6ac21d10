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
  /** Called once: with nothing when the stream was whole, with the error when it broke or the reader left. */
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

export function encodeSseFrame({ id, event, data }: SseFrame): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  const eventLine = event === undefined ? '' : `event: ${event}\n`;
  return `${idLine}${eventLine}data: ${data}\n\n`;
}

/**
 * Frames as a 200. A failure after the 200 is told in one `data: {"error":…}` frame and then the stream ends:
 * never silently, and never with a finish reason that nobody gave. (Hono's `streamSSE` writes the raw message of
 * an error to the client, or ends the stream without a word.)
 */
export function createSseResponse({ frames, heartbeatMs, onEnd }: SseResponseOptions): Response {
  const iterator = frames[Symbol.asyncIterator]();
  let heartbeat: ReturnType<typeof setInterval> | null = null;
  let ended = false;

  function end(error?: RubotError): void {
    if (ended) return;
    ended = true;
    if (heartbeat !== null) clearInterval(heartbeat);
    onEnd(error);
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      heartbeat = setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(HEARTBEAT);
      }, heartbeatMs);
    },
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (!done) {
          controller.enqueue(encoder.encode(encodeSseFrame(value)));
          return;
        }
        end();
      } catch (thrown) {
        const error = RubotError.from(thrown);
        controller.enqueue(encoder.encode(toSseErrorFrame(error)));
        end(error);
      }
      controller.close();
    },
    async cancel() {
      end(new RubotError('cancelled', 'The client closed the connection before the answer was complete.'));
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: SSE_HEADERS });
}
