import { importBearerKeys } from '@rubot/bearer/keys';
import type { LogLine } from '@rubot/contracts/log';
import type { FetchLike, UpstreamInit } from '@rubot/http/upstream';
import type { WorkerContext } from '@rubot/http/worker-entry';
import { createLogger } from '@rubot/logging';
import { createTokenResolver } from '../src/access/resolve-token.ts';
import { createShield, type RateLimitBinding } from '../src/access/shield.ts';
import { createGatewayApp } from '../src/app.ts';
import { createActionBearers } from '../src/bearers/action-bearers.ts';
import { createRunBearers } from '../src/bearers/run-bearers.ts';
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
  request(path: string, init?: RequestInit, context?: WorkerContext): Promise<Response>;
  /** As the sender of `IDENTITY`, with the right key. */
  ask(method: 'GET' | 'POST', path: string, options?: AskOptions): Promise<Response>;
  complete(body: unknown, headers?: Record<string, string>): Promise<Response>;
}

export interface AskOptions {
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export interface HarnessOptions {
  readonly middleware?: FetchLike;
  readonly orchestrator?: FetchLike;
  readonly env?: Record<string, string>;
  readonly shield?: RateLimitBinding;
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

export const RUN_ID = `run_${'0a'.repeat(16)}`;
export const RUN = {
  id: RUN_ID,
  object: 'run',
  status: 'queued',
  model: 'rubot',
  attempt: 0,
  last_seq: 1,
  created_at: 1,
  finished_at: null,
  usage: null,
  slices: null,
  error: null,
};

const linked: FetchLike = async () => Response.json({ status: 'linked', tenant_id: 'acme', allowed_agents: ['tables'] });
export const unlinked: FetchLike = async () => Response.json({ status: 'unlinked' });
const completes: FetchLike = async () => Response.json(COMPLETION);

/** The whole app over its real clients; only the two services behind it are functions of the test. */
export async function createHarness({
  middleware = linked,
  orchestrator = completes,
  env = {},
  shield,
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
    tokens: createTokenResolver(middlewareClient),
    orchestrator: createOrchestratorClient({
      fetch: record(toOrchestrator, orchestrator),
      baseUrl: config.orchestratorUrl,
      apiKey: config.secrets.gatewayApiKey.current,
      accessHeaders: config.secrets.accessHeaders,
    }),
    bearers: createRunBearers({ keys, ttlSeconds: config.bearerTtlSeconds }),
    actionBearers: createActionBearers(keys),
    shield: createShield(shield),
  });

  async function request(path: string, init?: RequestInit, context?: WorkerContext): Promise<Response> {
    return app.request(`http://gateway.test${path}`, init, undefined, context);
  }

  function ask(method: string, path: string, { body, headers = {} }: AskOptions = {}): Promise<Response> {
    const content = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return request(path, {
      method,
      headers: { authorization: `Bearer ${ENV.GATEWAY_API_KEY}`, ...type, ...IDENTITY, ...headers },
      ...content,
    });
  }
  return {
    lines,
    toMiddleware,
    toOrchestrator,
    request,
    ask,
    complete: (body, headers = {}) => ask('POST', '/v1/chat/completions', { body, headers }),
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
