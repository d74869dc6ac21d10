import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { ChatCompletion, ChatCompletionChunk } from '@rubot/contracts/chat-response';
import { HEADERS } from '@rubot/contracts/headers';
import { LogLine } from '@rubot/contracts/log';
import { createNodeServer } from '@rubot/http/node/server';
import type { FakeAgent } from '@rubot/testkit/fake-agent';
import { onTestFinished } from 'vitest';
import { createOrchestratorApp } from '../src/app.ts';
import { type BuiltDeps, buildDeps } from '../src/deps.ts';
import { readOrchestratorConfig } from '../src/env.ts';
import type { PlannerAnswer, PlannerModel, PlannerQuestion } from '../src/planning/planner-model.ts';
import { type DatabaseOfTest, openTestDatabase, type StoredRun } from './_database.ts';

export const GATEWAY_KEY = 'kJ8vQ2nX5bR9tY4wZ7mC1pL6dF3gH0sA';
export const AGENT_KEY = 'aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC';
export const RUN_ID = `run_${'0a'.repeat(16)}`;
export const TRACE_ID = 'ab'.repeat(16);

export interface StartOptions {
  /** Fake agents, one replica each; or origins by id. */
  readonly agents: readonly FakeAgent[] | Readonly<Record<string, readonly string[]>>;
  readonly planner?: PlannerModel;
  readonly env?: Readonly<Record<string, string>>;
  readonly now?: () => number;
  /** False for one that takes nothing out of the queue and looks for nothing by itself. */
  readonly starts?: boolean;
  /** One that another orchestrator of the test has; a new one by default. */
  readonly database?: DatabaseOfTest;
}

export interface Orchestrator {
  readonly url: string;
  readonly deps: BuiltDeps;
  readonly database: DatabaseOfTest;
  findRun(runId: string): Promise<StoredRun | undefined>;
  /** Every line so far; each was checked against the envelope when it was written. */
  readonly lines: readonly LogLine[];
  linesOf(event: string): readonly LogLine[];
  /** Resolves with the first line of this event, now or later. */
  nextLine(event: string): Promise<LogLine>;
  complete(body: unknown, options?: CompleteOptions): Promise<Response>;
}

export interface CompleteOptions {
  readonly headers?: Record<string, string | undefined>;
  readonly signal?: AbortSignal;
}

/** The real app on a real socket; it and everything it opened are closed when the test ends. */
export async function startOrchestrator({
  agents,
  planner,
  env = {},
  now,
  starts = true,
  ...options
}: StartOptions): Promise<Orchestrator> {
  const log = createLineLog();
  const database = options.database ?? (await openTestDatabase());
  const config = readOrchestratorConfig({
    GATEWAY_API_KEY: GATEWAY_KEY,
    ORCHESTRATOR_API_KEY: AGENT_KEY,
    AGENT_REGISTRY_JSON: JSON.stringify(toRegistry(agents)),
    LOG_LEVEL: 'debug',
    DATABASE_URL: database.url,
    ...env,
  });
  const deps = buildDeps(config, {
    sink: log.write,
    ...(planner === undefined ? {} : { plannerModel: planner }),
    ...(now === undefined ? {} : { now }),
  });
  if (starts) await deps.start();
  const server = createNodeServer(createOrchestratorApp(deps), { stallTimeoutMs: config.slowReaderTimeoutMs });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await deps.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, deps, database, findRun: database.findRun, ...log, complete: (body, options) => postCompletion(url, body, options) };
}

function toRegistry(agents: StartOptions['agents']): Readonly<Record<string, readonly string[]>> {
  return Array.isArray(agents)
    ? Object.fromEntries(agents.map((agent: FakeAgent) => [agent.id, [agent.origin]]))
    : (agents as Readonly<Record<string, readonly string[]>>);
}

function createLineLog(): Pick<Orchestrator, 'lines' | 'linesOf' | 'nextLine'> & { write(line: LogLine): void } {
  const lines: LogLine[] = [];
  const waiting: { event: string; resolve: (line: LogLine) => void }[] = [];
  const linesOf = (event: string) => lines.filter((line) => line.event_type === event);
  return {
    lines,
    linesOf,
    write(line) {
      lines.push(LogLine.parse(line));
      for (const waiter of waiting) if (waiter.event === line.event_type) waiter.resolve(line);
    },
    nextLine(event) {
      const [known] = linesOf(event);
      return known === undefined ? new Promise((resolve) => waiting.push({ event, resolve })) : Promise.resolve(known);
    },
  };
}

/** What the gateway sends along with every completion. */
export function gatewayHeaders(): Record<string, string> {
  return {
    authorization: `Bearer ${GATEWAY_KEY}`,
    'content-type': 'application/json',
    [HEADERS.tenantId]: 'acme',
    [HEADERS.sessionId]: 'whatsapp:1',
    [HEADERS.senderId]: '+15550100',
    [HEADERS.dataBearer]: 'the-data-bearer',
    [HEADERS.runId]: RUN_ID,
    [HEADERS.allowedAgents]: '*',
    [HEADERS.traceparent]: `00-${TRACE_ID}-${'cd'.repeat(8)}-01`,
    [HEADERS.traceId]: TRACE_ID,
    [HEADERS.timeoutMs]: '20000',
    [HEADERS.wire]: '1',
  };
}

async function postCompletion(url: string, body: unknown, { headers = {}, signal }: CompleteOptions = {}): Promise<Response> {
  const sent = Object.entries({ ...gatewayHeaders(), ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: sent,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

export function ask(content: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: 'rubot', messages: [{ role: 'user', content }], ...fields };
}

export async function readCompletion(response: Response): Promise<ChatCompletion> {
  const body: unknown = await response.json();
  if (response.status !== 200) throw new Error(`status ${response.status}: ${JSON.stringify(body)}`);
  return ChatCompletion.parse(body);
}

export function contentOf(completion: ChatCompletion): string {
  return completion.choices[0]?.message.content ?? '';
}

export async function readError(response: Response): Promise<{ status: number; code: string; message: string; param: string | null }> {
  const { error } = (await response.json()) as { error: { code: string; message: string; type: string; param: string | null } };
  return { status: response.status, code: error.code, message: error.message, param: error.param };
}

export interface ReadStream {
  /** The data of every frame, in order, as text. */
  readonly frames: readonly string[];
  readonly chunks: readonly ChatCompletionChunk[];
  readonly text: string;
  readonly isDone: boolean;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export async function readStream(response: Response): Promise<ReadStream> {
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  return parseStream(await response.text());
}

export function parseStream(body: string): ReadStream {
  const frames = body
    .split('\n\n')
    .filter((frame) => frame.startsWith('data: '))
    .map((frame) => frame.slice('data: '.length));
  const values = frames.filter((frame) => frame !== '[DONE]').map((frame): Record<string, unknown> => JSON.parse(frame));
  const chunks = values.filter((value) => !('error' in value)).map((value) => ChatCompletionChunk.parse(value));
  const failure = values.find((value) => 'error' in value)?.['error'] as ReadStream['error'];
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
  return { frames, chunks, text, isDone: frames.at(-1) === '[DONE]', error: failure };
}

export interface SliceSketch {
  readonly id: string;
  readonly agent: string;
  readonly task?: string;
  readonly after?: readonly string[];
}

export const PLANNER_USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };

/** A planner model that answers with these slices, and remembers what it was asked. */
export function planOf(...slices: SliceSketch[]): PlannerModel & { readonly questions: PlannerQuestion[] } {
  const plan = {
    slices: slices.map(({ id, agent, task = `task of ${id}`, after = [] }) => ({ id, agent_id: agent, task, depends_on: after })),
  };
  return plannerWith(() => Promise.resolve({ plan, usage: PLANNER_USAGE }));
}

export function plannerWith(
  answer: (question: PlannerQuestion, signal: AbortSignal) => Promise<PlannerAnswer>,
): PlannerModel & { readonly questions: PlannerQuestion[] } {
  const questions: PlannerQuestion[] = [];
  const model: PlannerModel = (question, { signal }) => {
    questions.push(question);
    return answer(question, signal);
  };
  return Object.assign(model, { questions });
}

/** A port on which nothing listens, so that a connection to it is refused. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
