import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGatewayApp } from '@rubot/gateway/app';
import { buildDeps as buildGatewayDeps } from '@rubot/gateway/deps';
import { GATEWAY_EVENTS } from '@rubot/gateway/events';
import { createLogger } from '@rubot/logging';
import { createMiddlewareApp } from '@rubot/middleware/app';
import { buildDeps as buildMiddlewareDeps } from '@rubot/middleware/deps';
import { MIDDLEWARE_EVENTS } from '@rubot/middleware/events';
import { closeServer } from '@rubot/testkit/model-upstream';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import { REPOSITORY } from '../../src/repository.ts';

export const SECRETS = {
  GATEWAY_API_KEY: 'gw-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae',
  ADMIN_API_KEY: 'ad-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd',
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
} as const;

/** One that was `BEARER_SIGNING_SECRET_PREVIOUS` until it was taken out. */
export const RETIRED_SECRET = 'bs-old-Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0J';

interface InProcess {
  request(path: string, init?: RequestInit): Promise<Response>;
}

/** Both Workers over one D1: as they run in workerd, and as the same apps in this process, where a hundred thousand requests take seconds. */
export interface Edge {
  readonly inProcess: Readonly<Record<'gateway' | 'middleware', InProcess>>;
  readonly urls: Readonly<Record<'gateway' | 'middleware', string>>;
  /** Asked of the orchestrator so far: whatever got through the gateway. */
  readonly forwarded: readonly string[];
  stop(): Promise<void>;
}

const MODELS = { object: 'list', data: [{ id: 'rubot', object: 'model', created: 1, owned_by: 'rubot' }] };

export async function startEdge(): Promise<Edge> {
  const forwarded: string[] = [];
  const server = createServer((request, response) => {
    forwarded.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(MODELS));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const orchestratorUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { GATEWAY_API_KEY, ADMIN_API_KEY, MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET } = SECRETS;
  const shared = { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET };
  const ofMiddleware = { ...shared, ENCRYPTION_SECRET };
  const ofGateway = { ...shared, GATEWAY_API_KEY, ADMIN_API_KEY, ORCHESTRATOR_URL: orchestratorUrl, LINK_URL: 'https://app.test/link' };
  const workers = await startWorkers({
    workers: [
      { directory: new URL('workers/middleware/', REPOSITORY), variables: ofMiddleware },
      { directory: new URL('workers/gateway/', REPOSITORY), variables: ofGateway },
    ],
    onLine: () => {},
    onNoise: () => {},
  });

  async function buildApps(): Promise<Edge['inProcess']> {
    const DB = await workers.databaseOf('rubot-middleware-dev', 'DB');
    const middlewareDeps = await buildMiddlewareDeps({ ...ofMiddleware, DB });
    const middleware = createMiddlewareApp({ ...middlewareDeps, logger: mute(middlewareDeps.config.logSource, MIDDLEWARE_EVENTS) });
    const gatewayDeps = await buildGatewayDeps({
      ...ofGateway,
      MIDDLEWARE: { fetch: async (url, init) => middleware.fetch(new Request(url, init)) },
      ORCHESTRATOR_MTLS: {
        async fetch(url) {
          forwarded.push(url);
          return Response.json(MODELS);
        },
      },
    });
    const gateway = createGatewayApp({ ...gatewayDeps, logger: mute(gatewayDeps.config.logSource, GATEWAY_EVENTS) });
    return {
      gateway: { request: async (path, init) => gateway.request(path, init) },
      middleware: { request: async (path, init) => middleware.request(path, init) },
    };
  }

  return {
    inProcess: await buildApps(),
    urls: { gateway: workers.urlOf('rubot-gateway-dev'), middleware: workers.urlOf('rubot-middleware-dev') },
    forwarded,
    async stop() {
      await workers.stop();
      await closeServer(server);
    },
  };
}

/** A hundred thousand refusals are a hundred thousand lines. */
function mute<Events extends Parameters<typeof createLogger>[0]['events']>(
  source: Parameters<typeof createLogger>[0]['source'],
  events: Events,
) {
  return createLogger<Events>({ source, events, sink: () => {} });
}
