import { createParser } from 'eventsource-parser';
import type { Stack } from '../../src/stack/start-stack.ts';
import { toChatSourceHeaders } from '../_stack.ts';

/** A request about runs, as any HTTP client makes it. */
export function getRuns(stack: Stack, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers({ authorization: `Bearer ${stack.keys.GATEWAY_API_KEY}`, ...toChatSourceHeaders(stack) });
  new Headers(init.headers).forEach((value, name) => {
    headers.set(name, value);
  });
  return fetch(`${stack.urls.gateway}/v1/runs${path}`, { ...init, headers });
}

export interface RunEventRead {
  readonly seq: number;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events from a number on: to the end of the run, or a count of them. */
export async function readRunEvents(
  stack: Stack,
  runId: string,
  { lastEventId, count = Number.POSITIVE_INFINITY }: { readonly lastEventId: number; readonly count?: number },
): Promise<readonly RunEventRead[]> {
  const response = await getRuns(stack, `/${runId}/events`, { headers: { 'last-event-id': String(lastEventId) } });
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

/** What was said since the last restart. */
export function textOf(events: readonly RunEventRead[]): string {
  const from = events.findLastIndex((event) => event.type === 'restart');
  const chunks = events.slice(from + 1).filter((event) => event.type === 'chunk');
  return chunks.map(({ data }) => (data['choices'] as [{ delta: { content?: string } }])[0]?.delta.content ?? '').join('');
}
