import { HEADERS } from '@rubot/contracts/headers';
import {
  GAP_EVENT,
  type GapEvent,
  LastEventId,
  ListRunEventsQuery,
  type RunEvent,
  type RunEventPage,
  type RunResource,
} from '@rubot/contracts/runs';
import { RubotError } from '@rubot/errors';
import { type BaseEnv, deferSpanEnd } from '@rubot/http/base-app';
import { readGrantedMs } from '@rubot/http/deadline';
import { parseInput } from '@rubot/http/parse';
import { createSseResponse, type SseFrame } from '@rubot/http/sse-response';
import type { Context, Handler } from 'hono';
import type { OrchestratorDeps } from '../deps.ts';
import { type Envelope, toEnvelope } from '../dispatch/stream.ts';
import { toEventData } from '../runs/chunk-events.ts';
import { type EventPage, followEvents, hasEnded as isRunOver } from '../runs/follow-events.ts';
import { readOwner } from './caller.ts';
import { toTimeoutMs } from './run-request.ts';
import { findRun } from './runs.ts';

/** A reader of a stream holds a page in memory until it is taken: of events as large as they get, some 256 KiB. */
const STREAM_PAGE_SIZE = 16;

type Events = ReturnType<typeof followEvents>;

/**
 * `GET /v1/runs/:runId/events?after_seq=`: what happened in a run since a number, during the run and after it. A stream
 * whose frames bear the numbers and whose last frame is `end`; or, to a client that takes JSON, one page.
 */
export function listRunEventsHandler(deps: OrchestratorDeps): Handler<BaseEnv> {
  return async function listRunEvents(c) {
    const owner = readOwner(c.req.raw.headers);
    const query = parseInput(ListRunEventsQuery, c.req.query());
    const run = await findRun(c, deps.runs, owner);
    const afterSeq = query.after_seq ?? readLastEventId(c) ?? 0;
    if (afterSeq > run.last_seq) {
      throw new RubotError('invalid_request', `The run has no event ${afterSeq} yet; its newest is ${run.last_seq}.`, {
        param: 'after_seq',
      });
    }
    const over = new AbortController();
    const events = followEvents({
      runs: deps.runs,
      run,
      owner,
      afterSeq,
      pageSize: takesJson(c) ? query.limit : Math.min(query.limit, STREAM_PAGE_SIZE),
      pollMs: deps.config.runs.eventsPollMs,
      signal: AbortSignal.any([c.req.raw.signal, over.signal, deps.lifecycle.signal]),
    });
    const envelope = toEnvelope(run.id, run.model, run.created_at);
    if (!takesJson(c)) return streamEvents(c, deps, toFrames(events, envelope, deps.lifecycle.signal), over);
    return c.json(await readPage(events, envelope, { afterSeq, waitMs: Math.min(query.wait_ms, grantedTime(c, deps)), over }));
  };
}

/** A page that comes too late is no page: nobody may wait for the first event longer than the gateway does. */
function grantedTime(c: Context<BaseEnv>, { config }: OrchestratorDeps): number {
  return toTimeoutMs(readGrantedMs(c.req.raw.headers, config.requestTimeoutMs));
}

function readLastEventId(c: Context<BaseEnv>): number | undefined {
  const value = c.req.header(HEADERS.lastEventId);
  if (value === undefined) return undefined;
  const result = LastEventId.safeParse(value);
  if (result.success) return result.data;
  throw new RubotError('invalid_request', 'The header Last-Event-ID must be the number of an event.', { param: HEADERS.lastEventId });
}

function takesJson(c: Context<BaseEnv>): boolean {
  const accept = c.req.header('accept') ?? '';
  return accept.includes('application/json') && !accept.includes('text/event-stream');
}

function streamEvents(c: Context<BaseEnv>, { config }: OrchestratorDeps, frames: AsyncIterable<SseFrame>, over: AbortController): Response {
  const span = deferSpanEnd(c);
  return createSseResponse({
    frames,
    heartbeatMs: config.heartbeatMs,
    stallTimeoutMs: config.slowReaderTimeoutMs,
    disconnect: c.env?.disconnect,
    onEnd(error) {
      // Nobody may be left waiting for a write in the name of a reader that has gone.
      over.abort();
      span.end({ ...(error === undefined ? {} : { error }), extra: { status: 200, route: '/v1/runs/:runId/events' } });
    },
  });
}

async function* toFrames(events: Events, envelope: Envelope, shutdown: AbortSignal): AsyncGenerator<SseFrame, void, undefined> {
  let hasEnded = false;
  for (;;) {
    const { done, value } = await events.next();
    if (done === true) {
      // Another replica has the rest of it.
      if (shutdown.aborted && !isRunOver(value)) throw shutdown.reason;
      // A reader that had the last event before it came still gets to hear that there is no other.
      if (!hasEnded) yield { event: 'end', data: JSON.stringify(toEnd(value)) };
      return;
    }
    if (value.gap !== undefined) yield { event: GAP_EVENT, data: JSON.stringify(toGap(value)) };
    for (const event of value.events) yield toFrame(event, envelope);
    hasEnded = value.events.at(-1)?.type === 'end';
  }
}

function toGap({ gap, run }: EventPage): GapEvent | undefined {
  return gap === undefined ? undefined : { from_seq: gap.fromSeq, to_seq: gap.toSeq, run };
}

/** Chunks have no name, so that whatever reads OpenAI's streams reads this one. */
function toFrame(event: RunEvent, envelope: Envelope): SseFrame {
  const data = JSON.stringify(toEventData(event, envelope));
  return event.type === 'chunk' ? { id: event.seq, data } : { id: event.seq, event: event.type, data };
}

function toEnd({ status, usage, slices, error }: RunResource): Record<string, unknown> {
  return { status, usage, slices, error };
}

interface PageOptions {
  readonly afterSeq: number;
  readonly waitMs: number;
  readonly over: AbortController;
}

async function readPage(events: Events, envelope: Envelope, { afterSeq, waitMs, over }: PageOptions): Promise<RunEventPage> {
  const timer = setTimeout(() => over.abort(), waitMs);
  try {
    const { done, value } = await events.next();
    if (done === true) return { object: 'list', data: [], last_seq: afterSeq, ended: isRunOver(value) };
    const data = value.events.map((event) => ({ ...event, data: toEventData(event, envelope) }));
    const gap = toGap(value);
    const lastSeq = data.at(-1)?.seq ?? gap?.to_seq ?? afterSeq;
    const ended = isRunOver(value.run) && lastSeq >= value.run.last_seq;
    return { object: 'list', data, ...(gap === undefined ? {} : { gap }), last_seq: lastSeq, ended };
  } finally {
    clearTimeout(timer);
    over.abort();
    await events.return(undefined as never);
  }
}
