import { once } from 'node:events';
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { Logger } from '@rubot/logging';
import type { COMMON_EVENTS } from '@rubot/logging/events';
import { stopSignal } from './stop-signal.ts';

export interface ServeOptions {
  readonly app: { fetch(request: Request): Response | Promise<Response> };
  readonly host: string;
  readonly port: number;
  readonly logger: Logger<typeof COMMON_EVENTS>;
  /** How long requests that are being answered may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
  /** Called at SIGTERM, before the port closes: readiness turns to 503. */
  readonly onDrain?: () => void;
  /** Called when the last request has ended: pools are closed here, so that the event loop can empty. */
  readonly onStop: () => Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const BODY_TIMEOUT_MS = 30_000;
/** Above the 60 s that load balancers keep an idle connection, so that it is never we who close under a request. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** Listens until SIGTERM or SIGINT, then drains: takes nothing new, finishes what it has, closes what it holds. */
export async function serveUntilStopped({ app, host, port, logger, drainTimeoutMs, onDrain, onStop }: ServeOptions): Promise<void> {
  const server = createAdaptorServer({ fetch: async (request) => closeAfterTooLarge(await app.fetch(request)) }) as Server;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = BODY_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  const stopped = stopSignal();
  server.listen(port, host);
  await once(server, 'listening');
  logger.log('service.started', { extra: { host, port } });

  await stopped;
  logger.log('service.draining');
  onDrain?.();
  await closeWithin(server, drainTimeoutMs);
  await onStop();
  logger.log('service.stopped');
}

/** The adapter would otherwise go on reading up to 64 MB of a body that was refused for its size. */
function closeAfterTooLarge(response: Response): Response {
  if (response.status === 413) response.headers.set('connection', 'close');
  return response;
}

const SWEEP_INTERVAL_MS = 100;

async function closeWithin(server: Server, timeoutMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // close() waits for sockets that were busy then and idle now, for as long as they may be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS);
  const cutOff = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cutOff);
}

/** Runs a service's main function; a bad environment or a taken port ends in one clear text and status 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (thrown) {
    process.stderr.write(`${explain(thrown)}\n`);
    process.exitCode = 1;
  }
}

function explain(thrown: unknown): string {
  if (thrown instanceof EnvironmentError) return thrown.message;
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE') {
    return `The port is taken (${thrown.message}). Stop the program that listens there, or set another PORT.`;
  }
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
