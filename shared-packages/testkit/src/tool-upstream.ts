import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ToolDescription } from '@rubot/contracts/data';
import { closeServer, readBody } from './model-upstream.ts';

export interface ToolRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  /** Resolves when the caller closes the connection before it was answered. */
  readonly aborted: Promise<void>;
}

/** A status and a body, or `hang` to leave the caller without an answer. */
export type ToolReply = { readonly status?: number; readonly body: unknown; readonly headers?: Record<string, string> } | 'hang';

/** What stands in for the middleware: `GET /data/:tenant/tools` and `POST /data/:tenant/tools/:tool/call` on a real socket. */
export interface ToolUpstream {
  readonly url: string;
  readonly requests: readonly ToolRequest[];
  /** Tool calls alone. */
  readonly calls: readonly ToolRequest[];
  /** Replaces the answer of every tool call from now on; a promise is waited for. */
  onCall(reply: (request: ToolRequest) => ToolReply | Promise<ToolReply>): void;
  /** Replaces the answer of the listing from now on. */
  onList(reply: (request: ToolRequest) => ToolReply): void;
  nextCall(): Promise<ToolRequest>;
  close(): Promise<void>;
}

export async function startToolUpstream(tools: readonly ToolDescription[]): Promise<ToolUpstream> {
  const requests: ToolRequest[] = [];
  const waiting: ((request: ToolRequest) => void)[] = [];
  let answerCall: (request: ToolRequest) => ToolReply | Promise<ToolReply> = () => ({ body: { result: {} } });
  let answerList: (request: ToolRequest) => ToolReply = () => ({ body: { tools } });
  const isCall = (request: ToolRequest) => request.path.endsWith('/call');

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      });
    });
    const { method = '', url: path = '', headers } = incoming;
    const request: ToolRequest = { method, path, headers, body: await readBody(incoming), aborted };
    requests.push(request);
    if (isCall(request)) waiting.shift()?.(request);
    const reply = isCall(request) ? await answerCall(request) : answerList(request);
    if (reply === 'hang') return;
    response
      .writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers })
      .end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get calls() {
      return requests.filter(isCall);
    },
    onCall(reply) {
      answerCall = reply;
    },
    onList(reply) {
      answerList = reply;
    },
    nextCall: () => new Promise((resolve) => waiting.push(resolve)),
    close: () => closeServer(server),
  };
}
