import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { closeServer } from '@rubot/testkit/model-upstream';

/** What becomes of a request on its way: it loses headers, gets others, or is answered by something that is not ours. */
export interface Interference {
  /** Requests whose path does not match pass untouched; without it, all are meant. */
  readonly path?: RegExp;
  readonly dropHeaders?: readonly string[];
  readonly setHeaders?: Readonly<Record<string, string>>;
  readonly page?: { readonly status: number; readonly html: string };
}

/** Stands between two services as a proxy of an operator's network would; it passes everything on until told otherwise. */
export interface HopProxy {
  readonly origin: string;
  /** Each request to one of these, by chance: what a rollout is like while it goes on. */
  forwardTo(...origins: readonly string[]): void;
  /** What happens to requests from now on; with nothing, they pass. */
  interfere(interference?: Interference): void;
  /** Lets nothing in and answers nothing more: connections are refused until `comeBack`. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

export async function startHopProxy(): Promise<HopProxy> {
  let targets: readonly string[] = [];
  let interference: Interference = {};
  const server = createServer((request, response) => {
    const isMeant = interference.path?.test(request.url ?? '') ?? true;
    const { page, ...changes } = isMeant ? interference : {};
    if (page === undefined) forward(pickOne(targets), changes, request, response);
    else response.writeHead(page.status, { 'content-type': 'text/html' }).end(page.html);
  });
  // A connection that is idle is never closed from here: whoever is about to send its next request would fail by chance.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    forwardTo(...origins) {
      targets = origins;
    },
    interfere(next = {}) {
      interference = next;
    },
    goAway: () => closeServer(server),
    async comeBack() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async close() {
      if (server.listening) await closeServer(server);
    },
  };
}

function pickOne(targets: readonly string[]): string {
  return targets[Math.floor(Math.random() * targets.length)] ?? '';
}

function forward(target: string, changes: Interference, request: IncomingMessage, response: ServerResponse): void {
  const { dropHeaders = [], setHeaders } = changes;
  const kept = Object.entries(request.headers).filter(([name]) => !dropHeaders.includes(name));
  const headers = { ...Object.fromEntries(kept), ...setHeaders };
  // For the same reason a connection for each request.
  const upstream = sendRequest(new URL(request.url ?? '/', target), { method: request.method, headers, agent: false });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    pipeline(answer, response, ignoreBreak);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  pipeline(request, upstream, ignoreBreak);
}

// Either side may break off, and the other then sees it: that is all a proxy has to do about it.
function ignoreBreak(): void {}
