import type { FetchLike } from '@rubot/http/upstream';
import { eventStream } from './_harness.ts';

export interface OpenStream {
  readonly fetch: FetchLike;
  push(text: string): void;
  end(): void;
  /** Why the gateway reads no further, once it does not. */
  readonly stopped: Promise<unknown>;
}

/** An upstream that begins its stream at once, and says in it what the test tells it to, until it is stopped. */
export function openStream(): OpenStream {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<unknown>();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  return {
    async fetch(_url, { signal }) {
      signal.addEventListener('abort', () => {
        stop(signal.reason);
        writer.abort(new DOMException('This operation was aborted', 'AbortError')).catch(ignoreStop);
      });
      return eventStream(readable);
    },
    push: (text) => void writer.write(new TextEncoder().encode(text)).catch(ignoreStop),
    end: () => void writer.close(),
    stopped,
  };
}

// What was said before the stop has nobody to hear it.
function ignoreStop(): void {}
