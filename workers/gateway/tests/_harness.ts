import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import type { LogLine } from '@rubot/contracts/log';
import type { FetchLike, UpstreamInit } from '@rubot/http/upstream';
import { createLogger } from '@rubot/logging';
import { createGatewayApp } from '../src/app.ts';
import { createMiddlewareClient } from '../src/clients/middleware.ts';
import { createOrchestratorClient } from '../src/clients/orchestrator.ts';
import { readGatewayConfig } from '../src/env.ts';
import { GATEWAY_EVENTS } from '../src/events.ts';
import { createSessionResolver } from '../src/sessions/resolve-session.ts';

export const ENV = {
  GATEWAY_API_KEY: 'gw-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae',
  GATEWAY_API_KEY_PREVIOUS: 'gw-old-Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0',
  ADMIN_API_KEY: 'ad-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd',
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ORCHESTRATOR_URL: 'http://orchestrator.test',
  LINK_URL: 'https://app.test/link?from=chat',
};

export interface SentRequest extends UpstreamInit {
  readonly url: string;
}

export interface GatewayHarness {
  readonly lines: LogLine[];
  readonly toMiddleware: SentRequest[];
  readonly toOrchestrator: SentRequest[];
  request(path: string, init?: RequestInit): Promise<Response>;
  complete(body: unknown, headers?: Record<string, string>): Promise<Response>;
}

export interface HarnessOptions {
  readonly middleware?: FetchLike;
  readonly orchestrator?: FetchLike;
  readonly env?: Record<string, string>;
}

export const IDENTITY = { 'x-chat-source-session-id': 'session-1', 'x-chat-source-sender-id': '+15550100' };
export const CHAT = { messages: [{ role: 'user', content: 'hello' }] };

export const COMPLETION = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'rubot',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

const linked: FetchLike = async () => Response.json({ status: 'linked', tenant_id: 'acme', allowed_agents: ['tables'] });
export const unlinked: FetchLike = async () => Response.json({ status: 'unlinked' });
const completes: FetchLike = async () => Response.json(COMPLETION);

/** The whole app over its real clients; only the two services behind it are functions of the test. */
export async function createHarness({
  middleware = linked,
  orchestrator = completes,
  env = {},
}: HarnessOptions = {}): Promise<GatewayHarness> {
  const config = readGatewayConfig({ ...ENV, ...env });
  const lines: LogLine[] = [];
  const toMiddleware: SentRequest[] = [];
  const toOrchestrator: SentRequest[] = [];
  const middlewareClient = createMiddlewareClient({ fetch: record(toMiddleware, middleware), apiKey: config.secrets.middlewareApiKey });
  const keys = await importBearerKeys(config.secrets.bearerSigningSecret);
  const app = createGatewayApp({
    config,
    logger: createLogger({ source: config.logSource, events: GATEWAY_EVENTS, sink: (line) => lines.push(line) }),
    middleware: middlewareClient,
    sessions: createSessionResolver(middlewareClient),
    orchestrator: createOrchestratorClient({
      fetch: record(toOrchestrator, orchestrator),
      baseUrl: config.orchestratorUrl,
      apiKey: config.secrets.gatewayApiKey.current,
      accessHeaders: config.secrets.accessHeaders,
    }),
    mintBearer: (subject) => mintBearer({ keys, subject, ttlSeconds: config.bearerTtlSeconds, nowMs: Date.now() }),
  });

  async function request(path: string, init?: RequestInit): Promise<Response> {
    return app.request(`http://gateway.test${path}`, init);
  }
  return {
    lines,
    toMiddleware,
    toOrchestrator,
    request,
    complete: (body, headers = {}) =>
      request('/v1/chat/completions', {
        method: 'POST',
        headers: { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, 'content-type': 'application/json', ...IDENTITY, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

function record(sent: SentRequest[], fetch: FetchLike): FetchLike {
  return (url, init) => {
    sent.push({ url, ...init });
    return fetch(url, init);
  };
}

/** An upstream body that gives `bytes` in the given pieces and then ends, or breaks. */
export function bodyOf(pieces: readonly Uint8Array[], breaksWith?: Error): ReadableStream<Uint8Array> {
  const queue = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = queue.shift();
      if (piece !== undefined) controller.enqueue(piece);
      else if (breaksWith === undefined) controller.close();
      else controller.error(breaksWith);
    },
  });
}

export function eventStream(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
