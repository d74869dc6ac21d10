import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RateLimit, startWorkers } from '@rubot/testkit/workerd/start-workers';
import { afterEach } from 'vitest';
import { ENV, IDENTITY } from './_harness.ts';

const cleanups: (() => Promise<unknown>)[] = [];

/** Stops, after each test of the file, what it started. */
export function stopAfterEach(): void {
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
}

export function atEnd(cleanup: () => Promise<unknown>): void {
  cleanups.push(cleanup);
}

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface GatewayOptions {
  readonly env?: Record<string, string>;
  readonly rateLimits?: Readonly<Record<string, RateLimit>>;
  readonly middleware?: () => Promise<Response>;
}

export interface RunningGateway {
  readonly url: string;
  readonly lines: string[];
}

/** The built Worker in workerd; behind it a real HTTP server that plays the orchestrator as the test says. */
export async function startGateway(
  orchestrator: NodeHandler,
  { env = {}, rateLimits = {}, middleware = linked }: GatewayOptions = {},
): Promise<RunningGateway> {
  const server = createServer(orchestrator).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  const lines: string[] = [];
  const workers = await startWorkers({
    workers: [
      {
        directory: new URL('../', import.meta.url),
        variables: { ...ENV, ORCHESTRATOR_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...env },
        rateLimits,
        standIns: { MIDDLEWARE: middleware },
      },
    ],
    onLine: (line) => lines.push(line),
    onNoise: () => {},
  });
  atEnd(() => workers.stop());
  return { url: workers.urlOf('rubot-gateway-dev'), lines };
}

export async function linked(): Promise<Response> {
  return Response.json({ status: 'linked', tenant_id: 'acme', allowed_agents: null });
}

export const CLIENT_HEADERS = { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, 'content-type': 'application/json', ...IDENTITY };

export function complete(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers: CLIENT_HEADERS, body: JSON.stringify(body), ...init });
}

export const SSE = { 'content-type': 'text/event-stream' };
