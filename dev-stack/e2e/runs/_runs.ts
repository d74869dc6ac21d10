import { HEADERS } from '@rubot/contracts/headers';
import { RunEventPage, RunList, RunResource } from '@rubot/contracts/runs';
import { createParser } from 'eventsource-parser';
import type { Stack } from '../../src/stack/start-stack.ts';
import { type Speaker, toChatSourceHeaders } from '../_stack.ts';

/** A request about runs, as any HTTP client makes it. */
export interface RunCall extends Pick<RequestInit, 'method' | 'signal'> {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, by POST unless another method is named. */
  readonly body?: unknown;
  readonly speaker?: Partial<Speaker>;
}

type Entrance = Pick<Stack, 'urls' | 'keys' | 'demo'>;

export function callRuns(stack: Entrance, path: string, { headers, body, speaker, ...init }: RunCall = {}): Promise<Response> {
  return fetch(`${stack.urls.gateway}/v1/runs${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    ...init,
    headers: {
      authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`,
      'content-type': 'application/json',
      ...toChatSourceHeaders(stack, speaker),
      ...headers,
    },
  });
}

/** Begins a run for which nobody waits. @returns its id and its trace */
export async function beginRun(
  stack: Entrance,
  body: Readonly<Record<string, unknown>>,
  call: RunCall = {},
): Promise<{ readonly runId: string; readonly traceId: string }> {
  const response = await callRuns(stack, '', { ...call, body });
  if (response.status !== 202) throw new Error(`status ${response.status}: ${await response.text()}`);
  return { runId: RunResource.parse(await response.json()).id, traceId: response.headers.get(HEADERS.traceId) ?? '' };
}

export async function readRun(stack: Entrance, runId: string, call: RunCall = {}): Promise<RunResource> {
  return RunResource.parse(await (await callRuns(stack, `/${runId}`, call)).json());
}

/** Waits until the run has a status that an event tells of. */
export async function untilStatus(stack: Entrance, runId: string, status: string, call: RunCall = {}): Promise<RunResource> {
  for (;;) {
    const run = await readRun(stack, runId, call);
    if (run.status === status) return run;
    if (run.finished_at !== null) throw new Error(`the run is ${run.status}, and was to be ${status}: ${JSON.stringify(run.error)}`);
    await readPage(stack, runId, `?after_seq=${run.last_seq}`, call);
  }
}

/** Asks until so many runs of the sender stand in the queue. */
export async function untilQueued(stack: Entrance, count: number, call: RunCall = {}): Promise<void> {
  for (;;) {
    const { data } = RunList.parse(await (await callRuns(stack, '?status=queued', call)).json());
    if (data.length === count) return;
  }
}

export interface RunEventRead {
  /** Not a number in a gap, which has none. */
  readonly seq: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface ReadOptions extends RunCall {
  readonly lastEventId?: number;
  /** How many to read before leaving; all, to the end of the run, by default. */
  readonly count?: number;
}

/** Events from a number on, as a stream. */
export async function readRunEvents(stack: Entrance, runId: string, options: ReadOptions = {}): Promise<readonly RunEventRead[]> {
  const { lastEventId = 0, count = Number.POSITIVE_INFINITY, headers, ...call } = options;
  const response = await callRuns(stack, `/${runId}/events`, { ...call, headers: { 'last-event-id': String(lastEventId), ...headers } });
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}: ${await response.text()}`);
  const events: RunEventRead[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => events.push({ seq: Number(id), type: event ?? 'chunk', data: JSON.parse(data) }),
  });
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text);
    if (events.length >= count) break;
  }
  return events.slice(0, count);
}

/** Events from the first on, by asking page after page for what is new. */
export async function pollRunEvents(stack: Entrance, runId: string, query = ''): Promise<readonly RunEventRead[]> {
  const events: RunEventRead[] = [];
  for (;;) {
    const page = await readPage(stack, runId, `?after_seq=${events.at(-1)?.seq ?? 0}${query}`);
    events.push(...page.data);
    if (page.ended) return events;
  }
}

async function readPage(stack: Entrance, runId: string, query: string, call: RunCall = {}): Promise<RunEventPage> {
  const headers = { ...call.headers, accept: 'application/json' };
  return RunEventPage.parse(await (await callRuns(stack, `/${runId}/events${query}`, { ...call, headers })).json());
}

/** What was said since the last restart. */
export function textOf(events: readonly RunEventRead[]): string {
  const from = events.findLastIndex((event) => event.type === 'restart');
  const chunks = events.slice(from + 1).filter((event) => event.type === 'chunk');
  return chunks.map(({ data }) => (data['choices'] as [{ delta: { content?: string } }])[0]?.delta.content ?? '').join('');
}

/** Numbers from 1 on without a gap, as those of every run are. */
export function upTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
