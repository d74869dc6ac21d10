import { once } from 'node:events';
import type { Server } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { EnvironmentError } from '@rubot/config/parse-env';
import type { Logger } from '@rubot/logging';
import type { COMMON_EVENTS } from '@rubot/logging/events';
import { createNodeServer, type NodeApp, type NodeServerOptions } from './server.ts';
import { stopSignal } from './stop-signal.ts';

export interface ServeOptions extends NodeServerOptions {
  readonly app: NodeApp;
  readonly host: string;
  readonly port: number;
  readonly logger: Logger<typeof COMMON_EVENTS>;
  /** How long requests that are being answered may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
  /** Called at SIGTERM, before the port closes: readiness turns to 503. */
  readonly onDrain?: () => void;
  /** Called when that time is over, before connections are cut: the last moment at which those who wait can be told anything. */
  readonly onCutOff?: () => Promise<void>;
  /** Called when the last request has ended: pools are closed here, so that the event loop can empty. */
  readonly onStop: () => Promise<void>;
}

/** Listens until SIGTERM or SIGINT, then drains: takes nothing new, finishes what it has, closes what it holds. */
export async function serveUntilStopped(options: ServeOptions): Promise<void> {
  const { app, host, port, logger, stallTimeoutMs, drainTimeoutMs, onDrain, onCutOff, onStop } = options;
  const server = createNodeServer(app, { stallTimeoutMs });
  const stopped = stopSignal();
  server.listen(port, host);
  await once(server, 'listening');
  logger.log('service.started', { extra: { host, port } });

  await stopped;
  logger.log('service.draining');
  onDrain?.();
  await closeWithin(server, drainTimeoutMs, onCutOff);
  await onStop();
  logger.log('service.stopped');
}

const SWEEP_INTERVAL_MS = 100;
/** For last words to go out. */
const LAST_WORDS_MS = 500;

async function closeWithin(server: Server, timeoutMs: number, onCutOff: ServeOptions['onCutOff']): Promise<void> {
  const closing = new AbortController();
  const closed = once(server, 'close').then(() => closing.abort());
  server.close();
  // close() waits for sockets that were busy then and idle now, for as long as they may be kept alive.
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_INTERVAL_MS);
  if (await lastsLongerThan(timeoutMs, closing.signal)) {
    await onCutOff?.();
    if (onCutOff !== undefined) await lastsLongerThan(LAST_WORDS_MS, closing.signal);
    server.closeAllConnections();
  }
  await closed;
  clearInterval(sweep);
}

/** False as soon as the signal says that it is over. */
function lastsLongerThan(timeoutMs: number, over: AbortSignal): Promise<boolean> {
  return setTimeout(timeoutMs, true, { signal: over }).catch(() => false);
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
