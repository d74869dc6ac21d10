import { RubotError } from '@rubot/errors';
import type { UpstreamAnswer } from './upstream.ts';

type EventStreamResponse = Response & { readonly body: NonNullable<Response['body']> };

/** Whether a response says that it is a stream of events, and is one. */
export function isEventStream(response: Response): response is EventStreamResponse {
  return response.body !== null && /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '');
}

/**
 * The events of an answer that was asked for as a stream; the span of any other ends here.
 *
 * @param peer names the service in the message, as in "rubot-orchestrator"
 * @throws RubotError `upstream_failed`
 */
export async function toEventStream({ response, span }: UpstreamAnswer, peer: string): Promise<ReadableStream<Uint8Array>> {
  if (isEventStream(response)) return response.body;
  const contentType = response.headers.get('content-type') ?? 'no content type';
  const error = new RubotError('upstream_failed', `${peer} did not answer with a stream. Check what stands in front of it.`, {
    operatorDetail: `status ${response.status}, ${contentType}`,
  });
  span.end({ error });
  await response.body?.cancel();
  throw error;
}
