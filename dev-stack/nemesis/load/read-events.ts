import { HEADERS } from '@rubot/contracts/headers';
import { RunEventPage } from '@rubot/contracts/runs';
import { createParser } from 'eventsource-parser';
import { z } from 'zod';
import type { EventRow } from '../check/evidence.ts';
import { toHopHeaders } from '../world/hop.ts';
import type { WantedRun } from './run-request.ts';

const PAGE_WAIT_MS = 2_000;

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
 * @throws WrongRequestError where the answer is a refusal: the reader asked wrongly
 */
export async function readStream({ url, run, afterSeq, most = Number.POSITIVE_INFINITY }: ReadOptions): Promise<readonly EventRow[]> {
  const leave = new AbortController();
  const events: EventRow[] = [];
  const headers = { accept: 'text/event-stream', [HEADERS.lastEventId]: String(afterSeq) };
  await unlessBroken(async () => {
    const response = await getEvents({ url, run }, '', headers, leave.signal);
    if (response?.body) await readFrames(response.body, events, most);
  });
  leave.abort();
  return events.slice(0, most);
}

/** The same by one long poll: nothing where nothing comes for a while. @throws WrongRequestError as above */
export async function readPage({ url, run, afterSeq, most = 200 }: ReadOptions): Promise<readonly EventRow[]> {
  const query = `?after_seq=${afterSeq}&limit=${most}&wait_ms=${PAGE_WAIT_MS}`;
  const page = await unlessBroken(async () => {
    const response = await getEvents({ url, run }, query, { accept: 'application/json' });
    return response === undefined ? undefined : RunEventPage.parse(await response.json());
  });
  return page?.data ?? [];
}

class WrongRequestError extends Error {}

/** A connection that breaks is no failure of a reader's: it has what it has, and comes again. */
async function unlessBroken<Result>(read: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await read();
  } catch (thrown) {
    if (thrown instanceof WrongRequestError || thrown instanceof z.ZodError) throw thrown;
    return undefined;
  }
}

/** Nothing where the process cannot answer now. */
async function getEvents(
  { url, run }: Pick<ReadOptions, 'url' | 'run'>,
  query: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Response | undefined> {
  const init = { headers: { ...toHopHeaders(run), ...headers }, ...(signal === undefined ? {} : { signal }) };
  const response = await fetch(`${url}/v1/runs/${run.runId}/events${query}`, init);
  if (response.status >= 400 && response.status < 500) throw new WrongRequestError(`${response.status} ${await response.text()}`);
  if (response.status === 200) return response;
  await response.body?.cancel();
  return undefined;
}

async function readFrames(body: ReadableStream<Uint8Array<ArrayBuffer>>, events: EventRow[], most: number): Promise<void> {
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
