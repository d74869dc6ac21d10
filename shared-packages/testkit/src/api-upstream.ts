import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { closeServer } from './model-upstream.ts';

export interface ApiRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is answered: `hang` leaves the caller without an answer, `reset` breaks the connection off. A body that is no text or bytes goes as JSON. */
export type ApiReply = { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown } | 'hang' | 'reset';

/** A system of others on a real socket of loopback, which does as a test tells it. */
export interface ApiUpstream {
  readonly url: string;
  /** Name and port. */
  readonly host: string;
  readonly requests: readonly ApiRequest[];
  /** Replaces the answer to every request from now on; a promise is waited for. */
  onRequest(reply: (request: ApiRequest) => ApiReply | Promise<ApiReply>): void;
  close(): Promise<void>;
}

export async function startApiUpstream(): Promise<ApiUpstream> {
  const requests: ApiRequest[] = [];
  let answer: (request: ApiRequest) => ApiReply | Promise<ApiReply> = () => ({ body: {} });

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers, body: await text(incoming) };
    requests.push(request);
    const reply = await answer(request);
    if (reply === 'hang') return;
    if (reply === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    const { status = 200, body } = reply;
    const isPlain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    response.writeHead(status, { ...(isPlain ? {} : { 'content-type': 'application/json' }), ...reply.headers });
    response.end(isPlain ? body : JSON.stringify(body));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    requests,
    onRequest(reply) {
      answer = reply;
    },
    close: () => closeServer(server),
  };
}
