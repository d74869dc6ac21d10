import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  DEFAULT_USAGE,
  DONE_FRAME,
  type ModelAnswer,
  type ModelUsage,
  toChunkFrame,
  toCompletion,
  toFrames,
  toUsageFrame,
} from './model-frames.ts';

export type { ModelAnswer } from './model-frames.ts';

/** How a connection ends early: with the end marker of HTTP, with a bare FIN, with a reset, or not at all. */
export const CUT_KINDS = ['clean-eof', 'fin', 'reset', 'hang'] as const;
export type CutKind = (typeof CUT_KINDS)[number];

/** What a test makes the model do with one request. */
export type ModelScript =
  | ModelAnswer
  | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
  | { readonly cut: CutKind; readonly atByte: number; readonly answer: ModelAnswer }
  | ((exchange: ModelExchange) => Promise<void> | void);

/** One request to the model, and the means to answer it frame by frame at moments that the test picks. */
export interface ModelExchange {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves when the caller closes the connection before the answer is whole. */
  readonly aborted: Promise<void>;
  /** Sends status and headers of a stream; the other calls do it by themselves. */
  begin(): void;
  sendText(text: string): void;
  sendRaw(bytes: string | Uint8Array): void;
  /** Ends a stream as a whole one; with `null` no reason is told, as behind calls that an agent holds back. */
  finish(finishReason?: string | null, usage?: ModelUsage): void;
  cut(kind: CutKind): void;
  answer(answer: ModelAnswer): void;
  refuse(status: number, body: string, headers?: Record<string, string>): void;
}

/** A model server on a real socket that speaks OpenAI's chat completions. */
export interface ModelUpstream {
  /** Base URL, ending in `/v1`. */
  readonly url: string;
  /** Every request so far, oldest first. */
  readonly requests: readonly ModelExchange[];
  /** Queues what happens to the next requests. */
  script(...scripts: ModelScript[]): void;
  /** What happens from now on to requests for which nothing is queued; at first, the model answers "ok". */
  otherwise(script: ModelScript): void;
  /** Resolves with the first request that arrives after this call. */
  nextRequest(): Promise<ModelExchange>;
  close(): Promise<void>;
}

export async function startModelUpstream(): Promise<ModelUpstream> {
  const requests: ModelExchange[] = [];
  const scripts: ModelScript[] = [];
  const waiting: ((exchange: ModelExchange) => void)[] = [];
  let fallback: ModelScript = { text: 'ok' };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = createExchange(request, response, await readBody(request));
    requests.push(exchange);
    waiting.shift()?.(exchange);
    await play(scripts.shift() ?? fallback, exchange);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    script(...added) {
      scripts.push(...added);
    },
    otherwise(script) {
      fallback = script;
    },
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    close: () => closeServer(server),
  };
}

/** Closes at once, whatever still hangs on it. */
export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

export async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
}

async function play(script: ModelScript, exchange: ModelExchange): Promise<void> {
  if (typeof script === 'function') return script(exchange);
  if ('status' in script) return exchange.refuse(script.status, script.body, script.headers);
  if ('cut' in script) {
    exchange.begin();
    exchange.sendRaw(Buffer.from(toFrames(script.answer).join('')).subarray(0, script.atByte));
    return exchange.cut(script.cut);
  }
  exchange.answer(script);
}

export function createExchange(request: IncomingMessage, response: ServerResponse, body: Record<string, unknown>): ModelExchange {
  const aborted = new Promise<void>((resolve) => {
    response.once('close', () => {
      if (!response.writableFinished) resolve();
    });
  });

  function begin(): void {
    if (response.headersSent) return;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
  }
  function sendRaw(bytes: string | Uint8Array): void {
    begin();
    response.write(bytes);
  }

  return {
    headers: request.headers,
    path: request.url ?? '',
    body,
    aborted,
    begin,
    sendRaw,
    sendText: (text) => sendRaw(toChunkFrame({ content: text })),
    finish(finishReason = 'stop', usage = DEFAULT_USAGE) {
      if (finishReason !== null) sendRaw(toChunkFrame({}, finishReason));
      sendRaw(`${toUsageFrame(usage)}${DONE_FRAME}`);
      response.end();
    },
    cut: (kind) => cutConnection(response, kind),
    answer(answer) {
      if (body['stream'] === true) {
        for (const frame of toFrames(answer)) sendRaw(frame);
        response.end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(toCompletion(answer)));
    },
    refuse(status, text, headers = {}) {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
    },
  };
}

/** Whatever was written before leaves first: a reset that overtakes it would cut at another byte than was asked. */
function cutConnection(response: ServerResponse, kind: CutKind): void {
  if (kind === 'hang') return;
  if (kind === 'clean-eof') {
    response.end();
    return;
  }
  response.write('', () => {
    if (kind === 'fin') response.socket?.end();
    else response.socket?.resetAndDestroy();
  });
}
