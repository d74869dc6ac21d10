import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { StepEvent } from '@rubot/contracts/agent';
import { ChatCompletionChunk, STREAM_DONE } from '@rubot/contracts/chat-response';
import type { ToolDescription } from '@rubot/contracts/data';
import { ErrorBody } from '@rubot/contracts/error';
import { HEADERS } from '@rubot/contracts/headers';
import type { LogLine } from '@rubot/contracts/log';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { closeServer, type ModelUpstream, startModelUpstream } from '../model-upstream.ts';
import { startToolUpstream, type ToolUpstream } from '../tool-upstream.ts';

/** The composition that runs in production, given an environment instead of the process's. */
export interface AgentApp {
  fetch(request: Request): Response | Promise<Response>;
  close(): Promise<void>;
}

export interface AgentContractOptions {
  readonly agent: { readonly id: string; readonly maxSteps: number; readonly middlewareTools: readonly string[] };
  createApp(environment: Readonly<Record<string, string>>, sink: (line: LogLine) => void): AgentApp;
}

export interface CompletionInit {
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** An agent on a real socket, between a model and a middleware on sockets of their own. */
export interface AgentHarness {
  readonly url: string;
  readonly agent: AgentContractOptions['agent'];
  readonly model: ModelUpstream;
  readonly tools: ToolUpstream;
  readonly lines: readonly LogLine[];
  /** Posts a completion as the orchestrator does; a string is sent as it is. */
  complete(body: unknown, init?: CompletionInit): Promise<Response>;
  stop(): Promise<void>;
}

export const AGENT_KEY = 'contract-9f2b7c4e1a6d8035-orchestrator';
export const DATA_BEARER = 'eyJhbGciOiJIUzI1NiJ9.eyJ0ZW5hbnQiOiJhY21lIn0.c2lnbmF0dXJlLW9mLXRoZS1jb250cmFjdA';
export const RUN_ID = `run_${'0a'.repeat(16)}`;
export const TRACE_ID = 'ab'.repeat(16);
export const PARENT_SPAN_ID = 'cd'.repeat(8);

/** What the orchestrator sends along with every completion. */
export const CALLER_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  authorization: `Bearer ${AGENT_KEY}`,
  [HEADERS.tenantId]: 'acme',
  [HEADERS.sessionId]: 'session-1',
  [HEADERS.senderId]: '+15550100',
  [HEADERS.dataBearer]: DATA_BEARER,
  [HEADERS.runId]: RUN_ID,
  [HEADERS.sliceId]: 's1',
  [HEADERS.traceparent]: `00-${TRACE_ID}-${PARENT_SPAN_ID}-01`,
};

/** The tools that the stand-in middleware offers of a provider: one that reads, one that writes, one that needs approval. */
export function probeOf(provider: string): string {
  return `${provider}_probe`;
}

export function changeOf(provider: string): string {
  return `${provider}_change`;
}

export function eraseOf(provider: string): string {
  return `${provider}_erase`;
}

function toStandIns(provider: string): readonly ToolDescription[] {
  const shared = { provider, input_schema: { type: 'object', properties: { key: { type: 'string' } } } };
  return [
    { ...shared, name: probeOf(provider), description: 'Looks something up.', effect: 'read' },
    { ...shared, name: changeOf(provider), description: 'Changes something.', effect: 'write' },
    { ...shared, name: eraseOf(provider), description: 'Erases something.', effect: 'write', needs_approval: true },
  ];
}

export async function startAgent({ agent, createApp }: AgentContractOptions): Promise<AgentHarness> {
  const model = await startModelUpstream();
  const tools = await startToolUpstream(agent.middlewareTools.flatMap(toStandIns));
  const lines: LogLine[] = [];
  const environment = {
    ORCHESTRATOR_API_KEY: AGENT_KEY,
    MIDDLEWARE_URL: tools.url,
    MODEL_SPECIFIER: 'openai/test-model',
    OPENAI_API_KEY: 'sk-contract-0123456789abcdef',
    OPENAI_BASE_URL: model.url,
    LOG_LEVEL: 'debug',
  };
  const app = createApp(environment, (line) => lines.push(line));
  const server = createAdaptorServer({ fetch: (request) => app.fetch(request) }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    agent,
    model,
    tools,
    lines,
    complete: (body, { headers = {}, signal } = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...CALLER_HEADERS, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      }),
    async stop() {
      await closeServer(server);
      await app.close();
      await model.close();
      await tools.close();
    },
  };
}

/** A stream as its reader sees it. */
export interface ReadStream {
  readonly chunks: readonly ChatCompletionChunk[];
  readonly text: string;
  readonly steps: readonly StepEvent[];
  readonly finishReasons: readonly string[];
  readonly isDone: boolean;
  readonly errorCode: string | undefined;
}

/** Every frame is checked against the contract; what is none of its kinds fails. */
export function readFrames(body: string): ReadStream {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  parser.feed(body);
  const data = events
    .filter((event) => event.event === undefined && event.data !== STREAM_DONE)
    .map((event): unknown => JSON.parse(event.data));
  const errors = data.map((value) => ErrorBody.safeParse(value).data).filter((error) => error !== undefined);
  const chunks = data.filter((value) => !ErrorBody.safeParse(value).success).map((value) => ChatCompletionChunk.parse(value));
  const choices = chunks.flatMap((chunk) => chunk.choices);
  return {
    chunks,
    text: choices.map((choice) => choice.delta.content ?? '').join(''),
    steps: events.filter((event) => event.event === 'step').map((event) => StepEvent.parse(JSON.parse(event.data))),
    finishReasons: choices.map((choice) => choice.finish_reason).filter((reason) => typeof reason === 'string'),
    isDone: events.at(-1)?.data === STREAM_DONE,
    errorCode: errors[0]?.error.code ?? undefined,
  };
}

export async function readStream(response: Response): Promise<ReadStream> {
  return readFrames(await response.text());
}
