import { HEADERS } from '@rubot/contracts/headers';
import { RunEventPage, RunList, RunResource } from '@rubot/contracts/runs';
import { createParser } from 'eventsource-parser';
import { GATEWAY_KEY, type Orchestrator } from './_harness.ts';

export interface Asker {
  readonly tenantId?: string;
  readonly senderId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly signal?: AbortSignal;
}

/** A request about runs, as the gateway sends it. */
export function askRuns({ url }: Pick<Orchestrator, 'url'>, path: string, asker: Asker = {}): Promise<Response> {
  const { tenantId = 'acme', senderId = '+15550100', headers = {}, method = 'GET', signal } = asker;
  return fetch(`${url}/v1/runs${path}`, {
    method,
    headers: { authorization: `Bearer ${GATEWAY_KEY}`, [HEADERS.tenantId]: tenantId, [HEADERS.senderId]: senderId, ...headers },
    ...(signal === undefined ? {} : { signal }),
  });
}

export async function readRun(orchestrator: Pick<Orchestrator, 'url'>, runId: string): Promise<RunResource> {
  return RunResource.parse(await (await askRuns(orchestrator, `/${runId}`)).json());
}

export async function readRuns(orchestrator: Pick<Orchestrator, 'url'>, query: string): Promise<RunList> {
  return RunList.parse(await (await askRuns(orchestrator, query)).json());
}

export async function readPage(orchestrator: Pick<Orchestrator, 'url'>, runId: string, query = ''): Promise<RunEventPage> {
  return RunEventPage.parse(
    await (await askRuns(orchestrator, `/${runId}/events${query}`, { headers: { accept: 'application/json' } })).json(),
  );
}

export interface ReadEvent {
  readonly seq: number | undefined;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events as a browser's EventSource would hand them out. */
export async function* streamEvents(response: Response): AsyncGenerator<ReadEvent, void, undefined> {
  if (response.status !== 200 || response.body === null) throw new Error(`status ${response.status}: ${await response.text()}`);
  let ready: ReadEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) =>
      ready.push({ seq: id === undefined ? undefined : Number(id), type: event ?? 'chunk', data: JSON.parse(data) }),
  });
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    parser.feed(text);
    const events = ready;
    ready = [];
    yield* events;
  }
}

export async function readEvents(
  orchestrator: Pick<Orchestrator, 'url'>,
  runId: string,
  asker: Asker & { query?: string } = {},
): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for await (const event of streamEvents(await askRuns(orchestrator, `/${runId}/events${asker.query ?? ''}`, asker))) events.push(event);
  return events;
}

/** What was said since the last restart. */
export function textOf(events: readonly ReadEvent[]): string {
  const from = events.findLastIndex((event) => event.type === 'restart');
  const chunks = events.slice(from + 1).filter((event) => event.type === 'chunk');
  return chunks.map(({ data }) => (data['choices'] as [{ delta: { content?: string } }])[0]?.delta.content ?? '').join('');
}
