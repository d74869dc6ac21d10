import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import type { ConnectionBindings } from '../base-app.ts';

export interface NodeApp {
  fetch(request: Request, bindings: ConnectionBindings): Response | Promise<Response>;
}

export interface NodeServerOptions {
  /** A peer that takes nothing for this long of an answer that has been handed over is cut off; without it, it is waited for. */
  readonly stallTimeoutMs?: number | undefined;
  /** How long a request may take to arrive, its body included; 30 s by default. */
  readonly arrivalTimeoutMs?: number | undefined;
}

const HEADERS_TIMEOUT_MS = 10_000;
const ARRIVAL_TIMEOUT_MS = 30_000;
/** Node looks for requests that are late every 30 s by default, and so would give them up to twice their time. */
const LATENESS_CHECK_MS = 1_000;
/** Above the 60 s that load balancers keep an idle connection, so that it is never we who close under a request. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** A server for this app that does not listen yet. */
export function createNodeServer(app: NodeApp, options: NodeServerOptions = {}): Server {
  const { stallTimeoutMs, arrivalTimeoutMs = ARRIVAL_TIMEOUT_MS } = options;
  const server = createAdaptorServer({
    async fetch(request, { outgoing }) {
      if (stallTimeoutMs !== undefined) {
        outgoing.once('prefinish', () => outgoing.setTimeout(stallTimeoutMs, () => outgoing.destroy()));
      }
      return closeAfterTooLarge(await app.fetch(request, { disconnect: () => outgoing.destroy() }));
    },
    serverOptions: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, arrivalTimeoutMs),
      requestTimeout: arrivalTimeoutMs,
      connectionsCheckingInterval: Math.min(LATENESS_CHECK_MS, arrivalTimeoutMs),
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
  });
  return server as Server;
}

/** The adapter would otherwise go on reading up to 64 MB of a body that was refused for its size. */
function closeAfterTooLarge(response: Response): Response {
  if (response.status === 413) response.headers.set('connection', 'close');
  return response;
}
