import { RubotError } from '@rubot/errors';
import { isEventStream } from '@rubot/http/event-stream';
import type { FetchLike } from '@rubot/http/upstream';
import { toInterruption } from './model-failure.ts';

export interface ModelFetchOptions {
  readonly fetch: FetchLike;
  /** Found at the end of every whole stream of this provider. */
  readonly endMarker: RegExp;
}

/**
 * What the AI SDK calls a provider with. A stream that ends without the provider's end marker fails, because the
 * SDK takes the end of the connection for the end of the answer once it has seen a finish reason, and a proxy may
 * turn a broken connection into a clean one.
 */
export function createModelFetch({ fetch, endMarker }: ModelFetchOptions): typeof globalThis.fetch {
  return async function fetchModel(input, init = {}) {
    const signal = init.signal ?? new AbortController().signal;
    const response = await fetch(String(input), {
      method: 'POST',
      headers: Object.fromEntries(new Headers(init.headers)),
      body: toText(init.body),
      signal,
      redirect: 'manual',
    });
    // The SDK reads a refusal by itself, and JSON that breaks off does not parse.
    const contentType = response.headers.get('content-type') ?? '';
    if (!response.ok || response.body === null || /\bjson\b/i.test(contentType)) return response;
    if (!isEventStream(response)) throw await toForeignAnswer(response);
    return new Response(guardEnd({ body: response.body, endMarker, signal }), { status: response.status, headers: response.headers });
  };
}

async function toForeignAnswer(response: Response): Promise<RubotError> {
  await response.body?.cancel();
  return new RubotError('upstream_failed', 'The model provider answered with something that is no answer. Try again in a moment.', {
    operatorDetail: `status ${response.status}, ${response.headers.get('content-type') ?? 'no content type'}; check what stands in front of the provider`,
  });
}

/** The AI SDK sends JSON text and nothing else to the providers that are used here. */
function toText(body: RequestInit['body']): string {
  if (typeof body !== 'string') throw new TypeError('a model request has a JSON text as its body');
  return body;
}

/** Longer than any end marker with the frame around it. */
const TAIL_BYTES = 512;

interface GuardEndOptions {
  readonly body: ReadableStream<Uint8Array>;
  readonly endMarker: RegExp;
  readonly signal: AbortSignal;
}

function guardEnd({ body, endMarker, signal }: GuardEndOptions): ReadableStream<Uint8Array> {
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader();
  let tail = new Uint8Array();

  function failureOf(thrown: unknown): unknown {
    // A connection that breaks behind the end marker takes nothing of the answer with it.
    if (hasEnded(tail, endMarker)) return undefined;
    if (signal.aborted || RubotError.is(thrown)) return thrown;
    return toInterruption('the connection broke', thrown);
  }

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            tail = keepTail(tail, value);
            controller.enqueue(value);
            return;
          }
          if (!hasEnded(tail, endMarker)) throw toInterruption('the stream ended without its end marker');
          controller.close();
        } catch (thrown) {
          const failure = failureOf(thrown);
          if (failure === undefined) controller.close();
          else controller.error(failure);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

function keepTail(tail: Uint8Array<ArrayBuffer>, chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  if (chunk.byteLength >= TAIL_BYTES) return chunk.slice(-TAIL_BYTES);
  const joined = new Uint8Array(tail.byteLength + chunk.byteLength);
  joined.set(tail);
  joined.set(chunk, tail.byteLength);
  return joined.slice(-TAIL_BYTES);
}

function hasEnded(tail: Uint8Array, endMarker: RegExp): boolean {
  return endMarker.test(new TextDecoder().decode(tail));
}
