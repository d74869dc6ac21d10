import { HEADERS } from '@rubot/contracts/headers';
import { createParser } from 'eventsource-parser';
import type { EventRow } from '../check/evidence.ts';
import { toHopHeaders } from '../world/hop.ts';
import type { WantedRun } from './run-request.ts';

export interface ReadOptions {
  readonly url: string;
  readonly run: Pick<WantedRun, 'runId' | 'tenantId' | 'senderId'>;
  /** The last number that the reader has. */
  readonly afterSeq: number;
  /** It leaves when it has so many; by default it stays until the stream ends. */
  readonly most?: number;
}

/**
 * What a reader gets of a run's events on one connection, up to where it leaves or the connection breaks, as
 * `EventSource` would get it. A frame without a number is left out, as it moves no reader.
 *
 * @throws Error where the answer is no stream: the reader asked wrongly
 */
export async function readEvents({ url, run, afterSeq, most = Number.POSITIVE_INFINITY }: ReadOptions): Promise<readonly EventRow[]> {
  const leave = new AbortController();
  const events: EventRow[] = [];
  try {
    const response = await fetch(`${url}/v1/runs/${run.runId}/events`, {
      headers: { ...toHopHeaders(run), accept: 'text/event-stream', [HEADERS.lastEventId]: String(afterSeq) },
      signal: leave.signal,
    });
    if (response.status >= 400 && response.status < 500) throw new WrongRequestError(`${response.status} ${await response.text()}`);
    if (response.status !== 200 || response.body === null) return events;
    await readBody(response.body, events, most);
  } catch (thrown) {
    if (thrown instanceof WrongRequestError) throw thrown;
    // A connection that broke: the reader has what it has, and comes again.
  } finally {
    leave.abort();
  }
  return events.slice(0, most);
}

class WrongRequestError extends Error {}

async function readBody(body: ReadableStream<Uint8Array<ArrayBuffer>>, events: EventRow[], most: number): Promise<void> {
  const parser = createParser({
    onEvent({ id, event, data }) {
      if (id !== undefined) events.push({ seq: Number(id), type: event ?? 'chunk', data: JSON.parse(data) });
    },
  });
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text);
    if (events.length >= most) return;
  }
}
