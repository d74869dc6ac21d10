import { STREAM_DONE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { fromOpenAiErrorData } from '@rubot/errors/from-openai';
import { toSseErrorFrame } from '@rubot/errors/to-openai';
import { type Deadline, toReason } from '@rubot/http/deadline';
import { createFrameSplitter } from './whole-frames.ts';

export interface RelayOptions {
  readonly upstream: Response;
  readonly deadline: Deadline;
  /** How long nothing may come while the client reads; as long as the deadline lets it, if not given. */
  readonly maxSilenceMs?: number | undefined;
  /** Called once: with nothing when the answer was whole, else with what cut it, or what the orchestrator said of its failure. */
  readonly onEnd: (error?: RubotError) => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const DATA = 'data: ';
const DONE_FRAME = `${DATA}${STREAM_DONE}\n\n`;
const ERROR_FRAME_START = `${DATA}{"error":`;
const MAX_FRAME_BYTES = 1_048_576;

/**
 * Passes the events of another stream on as they come, whole frames only, their bytes untouched. An upstream that
 * breaks off, or ends without its last frame, becomes an error frame: a client can always tell an answer from a piece of one.
 */
export function relayEventStream({ upstream, deadline, maxSilenceMs, onEnd }: RelayOptions): ReadableStream<Uint8Array> {
  const reader = bodyOf(upstream).getReader();
  const frames = createFrameSplitter();
  let lastWhole: Uint8Array = new Uint8Array();
  let ended = false;

  function end(error?: RubotError): void {
    if (ended) return;
    ended = true;
    onEnd(error);
  }

  // Synchronously: once the client has gone, workerd runs nothing that stands after an await.
  deadline.signal.addEventListener('abort', () => end(RubotError.from(deadline.signal.reason)), { once: true });

  /** A silence counts only while the client waits for more: one that reads slowly makes none. */
  async function read(): ReturnType<typeof reader.read> {
    if (maxSilenceMs === undefined) return reader.read();
    const timer = setTimeout(() => deadline.abort(silent(maxSilenceMs)), maxSilenceMs);
    try {
      return await reader.read();
    } finally {
      clearTimeout(timer);
    }
  }

  /** The next whole frames, or `undefined` at a whole end. */
  async function next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await read();
      if (done) {
        if (readEnd(lastWhole, frames.partialBytes()) === undefined) throw interrupted();
        return undefined;
      }
      const whole = frames.push(value);
      if (whole !== undefined) return whole;
      if (frames.partialBytes() > MAX_FRAME_BYTES) throw new RubotError('upstream_failed', 'The orchestrator sent a frame without end.');
    }
  }

  function tellOfFailure(controller: ReadableStreamDefaultController<Uint8Array>, error: RubotError): void {
    controller.enqueue(encoder.encode(toSseErrorFrame(error)));
    end(error);
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const whole = await next();
          if (whole !== undefined) {
            lastWhole = whole;
            controller.enqueue(whole);
            return;
          }
        } catch (thrown) {
          // A connection that breaks behind the last frame has cost the client nothing.
          if (readEnd(lastWhole, frames.partialBytes()) === undefined) tellOfFailure(controller, toStreamError(toReason(thrown, deadline)));
          reader.cancel().catch(() => {});
        }
        end(readEnd(lastWhole, frames.partialBytes())?.error);
        controller.close();
      },
      async cancel(reason) {
        end(new RubotError('cancelled', 'The client closed the connection before the answer was complete.'));
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

function bodyOf(upstream: Response): ReadableStream<Uint8Array> {
  if (upstream.body === null) throw new RubotError('upstream_failed', 'The orchestrator answered without a body.');
  return upstream.body;
}

/** The last event of a run, with or without its number. */
const END_FRAME = /^(?:id: \d+\n)?event: end\n/;

/** How a stream ended whose last frame is `[DONE]`, the end of a run, or an error that the orchestrator itself told of; `undefined` for one that was cut. */
function readEnd(lastWhole: Uint8Array, partialBytes: number): { readonly error: RubotError | undefined } | undefined {
  const text = decoder.decode(lastWhole);
  const lastFrame = text.slice(text.lastIndexOf('\n\n', text.length - 3) + 1).trimStart();
  if (partialBytes > 0) return undefined;
  if (lastFrame === DONE_FRAME || END_FRAME.test(lastFrame)) return { error: undefined };
  const error = lastFrame.startsWith(ERROR_FRAME_START) ? readErrorFrame(lastFrame) : undefined;
  return error === undefined ? undefined : { error };
}

function readErrorFrame(frame: string): RubotError | undefined {
  try {
    return fromOpenAiErrorData(JSON.parse(frame.slice(DATA.length)));
  } catch {
    return undefined;
  }
}

function toStreamError(thrown: unknown): RubotError {
  return RubotError.is(thrown) ? thrown : interrupted(thrown);
}

function silent(silenceMs: number): RubotError {
  return new RubotError(
    'stream_interrupted',
    `Nothing came for ${silenceMs} ms, not even a sign of life. Read on behind the last event you have.`,
  );
}

function interrupted(cause?: unknown): RubotError {
  return new RubotError('stream_interrupted', 'The answer broke off before it was complete. What has arrived is a piece; ask again.', {
    cause,
  });
}
