import type { D1Database } from '@cloudflare/workers-types';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { BEARER_SCOPES, type BearerScope } from '@rubot/contracts/bearer';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { expect } from 'vitest';
import { createLineCollector, type LineCollector } from './_lines.ts';

export const ENV = {
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  MIDDLEWARE_API_KEY_PREVIOUS: 'mw-old-Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
};

/** A tenant, one sender that is bound to it, and that sender's bearer. */
export interface Holder {
  readonly tenantId: string;
  readonly senderId: string;
  readonly bearer: string;
}

export interface ToolAnswer {
  readonly status: number;
  readonly replayed: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
  readonly result: any;
  readonly error: { readonly message: string; readonly code: string; readonly type: string; readonly param: string | null } | undefined;
  readonly text: string;
}

export interface MiddlewareHarness {
  readonly url: string;
  readonly log: LineCollector;
  internal(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  data(holder: Holder, path: string, init?: RequestInit): Promise<Response>;
  /** A new tenant with its own ids, so that suites share one database without touching each other. */
  newTenant(agents?: { agent_policy: string; agents: unknown[] }): Promise<Holder>;
  bearerFor(subject: { tenantId: string; senderId: string }, options?: BearerOptions): Promise<string>;
  call(holder: Holder, tool: string, input: unknown, idempotencyKey?: string | null): Promise<ToolAnswer>;
  /** For what no route can show, such as a row that must be old. */
  database(): Promise<D1Database>;
  stop(): Promise<void>;
}

export interface BearerOptions {
  readonly scope?: readonly BearerScope[];
  readonly secret?: string;
  readonly nowMs?: number;
  /** The API token in whose name the run was begun. */
  readonly tokenId?: string;
}

export const RUN_ID = `run_${'a1'.repeat(16)}`;

/** The real Worker in workerd with a real D1, asked over a real socket. */
export async function startMiddleware(variables: Record<string, string> = {}): Promise<MiddlewareHarness> {
  const log = createLineCollector();
  const workers = await startWorkers({
    workers: [{ directory: new URL('../', import.meta.url), variables: { ...ENV, ...variables } }],
    onLine: log.onLine,
    onNoise: log.onNoise,
  });
  const url = workers.urlOf('rubot-middleware-dev');
  let counter = 0;

  const harness: MiddlewareHarness = {
    url,
    log,
    stop: workers.stop,
    database: () => workers.databaseOf('rubot-middleware-dev', 'DB'),
    internal: (method, path, body, headers = {}) =>
      fetch(`${url}/internal/${path}`, {
        method,
        headers: { authorization: `Bearer ${ENV.MIDDLEWARE_API_KEY}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    data: (holder, path, init = {}) =>
      fetch(`${url}/data/${holder.tenantId}/${path}`, { ...init, headers: { authorization: `Bearer ${holder.bearer}`, ...init.headers } }),
    async newTenant(agents) {
      counter += 1;
      const [tenantId, senderId] = [`tenant-${counter}`, `sender-${counter}`];
      const saved = await harness.internal('POST', 'tenants', { tenant_id: tenantId, name: `Tenant ${counter}`, ...agents });
      expect(saved.status).toBe(201);
      const bound = await harness.internal('POST', 'identity-bindings', { tenant_id: tenantId, sender_id: senderId });
      expect(bound.status).toBe(201);
      return { tenantId, senderId, bearer: await harness.bearerFor({ tenantId, senderId }) };
    },
    async bearerFor(
      { tenantId, senderId },
      { scope = BEARER_SCOPES, secret = ENV.BEARER_SIGNING_SECRET, nowMs = Date.now(), tokenId } = {},
    ) {
      const keys = await importBearerKeys({ current: secret, previous: undefined });
      const subject = { tenantId, senderId, sessionId: 'session-1', runId: RUN_ID, scope, tokenId };
      return mintBearer({ keys, subject, ttlSeconds: 300, nowMs });
    },
    async call(holder, tool, input, idempotencyKey = crypto.randomUUID()) {
      const response = await harness.data(holder, `tools/${tool}/call`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }) },
        body: JSON.stringify({ arguments: input }),
      });
      return toToolAnswer(response);
    },
  };
  return harness;
}

async function toToolAnswer(response: Response): Promise<ToolAnswer> {
  const text = await response.text();
  const body = JSON.parse(text);
  if (response.ok) expect(body).not.toHaveProperty('error');
  else expectErrorShape(response, body);
  const replayed = response.headers.get('idempotent-replayed') === 'true';
  return { status: response.status, replayed, result: body.result, error: body.error, text };
}

export async function errorOf(response: Response) {
  const body = (await response.json()) as { error: NonNullable<ToolAnswer['error']> };
  expectErrorShape(response, body);
  return { status: response.status, ...body.error };
}

function expectErrorShape(response: Response, body: { error: object }): void {
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(response.headers.get('x-rubot-trace-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(response.headers.get('x-should-retry')).toMatch(/^(true|false)$/);
}
