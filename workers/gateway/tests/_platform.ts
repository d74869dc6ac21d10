import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { ENV } from './_harness.ts';
import { atEnd, type NodeHandler } from './_workerd.ts';

export interface Platform {
  readonly url: string;
  readonly lines: string[];
  /** As the operator. */
  admin(method: string, path: string, body?: unknown): Promise<Response>;
  /** With any credential; JSON in. */
  ask(credential: string, method: string, path: string, options?: PlatformRequest): Promise<Response>;
  newTenant(name?: string): Promise<string>;
  issueToken(tenantId: string, token: Partial<TokenWish>): Promise<IssuedToken>;
}

export interface PlatformRequest {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

interface TokenWish {
  readonly scopes: readonly string[];
  readonly ttl_seconds: number;
  readonly limits: Record<string, number>;
  readonly action_id: string;
}

export interface IssuedToken {
  readonly token: string;
  readonly token_id: string;
  readonly action_handle: string;
}

const MIDDLEWARE_ENV = {
  MIDDLEWARE_API_KEY: ENV.MIDDLEWARE_API_KEY,
  BEARER_SIGNING_SECRET: ENV.BEARER_SIGNING_SECRET,
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
};

/** Both Workers as they are deployed, in workerd over D1; behind them a real HTTP server that plays the orchestrator as the test says. */
export async function startPlatform(orchestrator: NodeHandler, env: Record<string, string> = {}): Promise<Platform> {
  const server = createServer(orchestrator).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  const lines: string[] = [];
  const ORCHESTRATOR_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const workers = await startWorkers({
    workers: [
      { directory: new URL('../', import.meta.url), variables: { ...ENV, ORCHESTRATOR_URL, ...env } },
      { directory: new URL('../../middleware/', import.meta.url), variables: MIDDLEWARE_ENV },
    ],
    onLine: (line) => lines.push(line),
    onNoise: () => {},
  });
  atEnd(() => workers.stop());
  const url = workers.urlOf('rubot-gateway-dev');
  let tenantCount = 0;

  function ask(credential: string, method: string, path: string, { body, headers, signal }: PlatformRequest = {}): Promise<Response> {
    return fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  function admin(method: string, path: string, body?: unknown): Promise<Response> {
    return ask(ENV.ADMIN_API_KEY, method, path, { body });
  }

  return {
    url,
    lines,
    ask,
    admin,
    async newTenant(name = 'Acme') {
      tenantCount += 1;
      const tenantId = `tenant-${tenantCount}`;
      await expectStatus(201, await admin('POST', '/admin/tenants', { tenant_id: tenantId, name }));
      return tenantId;
    },
    async issueToken(tenantId, token) {
      const wish = { name: 'test', scopes: ['chat:write'], ttl_seconds: 3_600, ...token };
      const response = await admin('POST', `/admin/tenants/${tenantId}/tokens`, wish);
      return (await expectStatus(201, response)).json() as Promise<IssuedToken>;
    },
  };
}

export async function expectStatus(status: number, response: Response): Promise<Response> {
  if (response.status === status) return response;
  throw new Error(`expected ${status}, got ${response.status}: ${await response.text()}`);
}
