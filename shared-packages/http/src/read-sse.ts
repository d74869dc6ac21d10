import { RubotError } from '@rubot/errors';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** Longest single frame that is held while it is incomplete. */
const MAX_FRAME_CHARACTERS = 1_048_576;

/**
 * The whole events of an SSE body, in order. A frame that the end of the body cuts off is not an event and is
 * not yielded: whoever reads must know its protocol's last event and treat its absence as a failure.
 *
 * @throws RubotError `stream_interrupted` when the connection breaks, `upstream_failed` for an endless frame
 */
export async function* readSse(body: ReadableStream<Uint8Array>, peer: string): AsyncGenerator<EventSourceMessage, void, undefined> {
  let events: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (event) => events.push(event),
    maxBufferSize: MAX_FRAME_CHARACTERS,
    onError(cause) {
      if (cause.type === 'max-buffer-size-exceeded')
        throw new RubotError('upstream_failed', `${peer} sent a frame without end.`, { cause });
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readChunk(reader, peer);
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      const ready = events;
      events = [];
      yield* ready;
    }
  } finally {
    // Reached when the consumer stops early as well: the peer must learn that nobody reads on.
    await reader.cancel().catch(() => {});
  }
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>, peer: string): ReturnType<typeof reader.read> {
  try {
    return await reader.read();
  } catch (cause) {
    if (RubotError.is(cause)) throw cause;
    throw new RubotError('stream_interrupted', `The connection to ${peer} broke while it was answering. The answer so far is incomplete.`, {
      cause,
    });
  }
}
