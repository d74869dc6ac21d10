import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAgentApp } from '@rubot/agent-kit/app';
import { defineAgent } from '@rubot/agent-kit/define-agent';
import { buildDeps as buildAgentDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { Diagnosis, type Finding } from '@rubot/contracts/diagnosis';
import { createGatewayApp } from '@rubot/gateway/app';
import { buildDeps as buildGatewayDeps, type GatewayBindings } from '@rubot/gateway/deps';
import { createNodeServer, type NodeApp } from '@rubot/http/node/server';
import { createOrchestratorApp } from '@rubot/orchestrator/app';
import { buildDeps as buildOrchestratorDeps } from '@rubot/orchestrator/deps';
import { readOrchestratorConfig } from '@rubot/orchestrator/env';
import { openDatabase } from '@rubot/orchestrator/runs/postgres/database';
import { migrate } from '@rubot/orchestrator/runs/postgres/migrate';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { type RunningWorkers, startWorkers } from '@rubot/testkit/workerd/start-workers';
import { REPOSITORY } from '../../src/repository.ts';

type Variables = Readonly<Record<string, string>>;

/** What differs from a deployment in which all is well. */
export interface Differences {
  readonly gateway?: Variables;
  readonly orchestrator?: Variables;
  readonly agent?: Variables;
  /** Stands before a service, and may change what goes through. */
  readonly before?: Partial<Record<'middleware' | 'orchestrator' | 'agent', (origin: string) => Promise<string>>>;
}

export interface Deployment {
  readonly gatewayUrl: string;
  diagnose(): Promise<readonly Finding[]>;
  close(): Promise<void>;
}

/** What all deployments of a test file share: the databases and the middleware. */
export interface Ground {
  readonly workers: RunningWorkers;
  readonly databaseUrl: string;
  deploy(differences?: Differences): Promise<Deployment>;
  close(): Promise<void>;
}

export const SECRETS = {
  GATEWAY_API_KEY: 'gw-q8Zt5vXc2Lk9Nf4Rb7Yh1Md6Ps3Wj0Ae',
  ADMIN_API_KEY: 'ad-u2Hn7Kx4Bz9Qw5Tj1Vc6Gy3Lf8Rp0Sd',
  ORCHESTRATOR_API_KEY: 'or-aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC',
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
} as const;

export const OTHER = 'no-n5Ke8Xw2Mb7Vq1Zt4Rc9Jd6Hf3Ys0Pg';
const QUIET = { LOG_LEVEL: 'error' };

const AGENT = defineAgent({
  id: 'records',
  name: 'Records',
  summary: 'Looks things up.',
  instructions: 'Look things up.',
  middlewareTools: ['tables'],
});

export async function openGround(): Promise<Ground> {
  const [workers, postgres] = await Promise.all([startMiddleware(), startPostgres()]);
  const databaseUrl = await postgres.createDatabase('runs');
  const { db, close } = openDatabase({ url: databaseUrl, maxConnections: 1 });
  await migrate(db, new URL('services/orchestrator/src/migrations/', REPOSITORY));
  await close();
  const middlewareUrl = workers.urlOf('rubot-middleware-dev');
  return {
    workers,
    databaseUrl,
    deploy: (differences = {}) => deploy({ middlewareUrl, databaseUrl }, differences),
    close: () => closeGround(workers, postgres),
  };
}

function startMiddleware(): Promise<RunningWorkers> {
  const { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET } = SECRETS;
  const variables = { MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET, ENCRYPTION_SECRET, ...QUIET };
  return startWorkers({ workers: [{ directory: new URL('workers/middleware/', REPOSITORY), variables }], onLine: ignore, onNoise: ignore });
}

async function closeGround(workers: RunningWorkers, postgres: RunningPostgres): Promise<void> {
  await workers.stop();
  await postgres.dispose();
}

function ignore(): void {}

/** The apps themselves, over sockets of their own; the middleware runs in workerd. */
async function deploy(ground: { middlewareUrl: string; databaseUrl: string }, differences: Differences): Promise<Deployment> {
  const { before = {} } = differences;
  const front = (name: 'middleware' | 'orchestrator' | 'agent', origin: string) => before[name]?.(origin) ?? Promise.resolve(origin);
  const doors = await Promise.all([openDoor(), openDoor(), openDoor()]);
  const [gateway, orchestrator, agent] = doors;
  const { GATEWAY_API_KEY, ADMIN_API_KEY, ORCHESTRATOR_API_KEY, MIDDLEWARE_API_KEY, BEARER_SIGNING_SECRET } = SECRETS;
  const middlewareUrl = await front('middleware', ground.middlewareUrl);

  const agentSource = { ORCHESTRATOR_API_KEY, MIDDLEWARE_URL: middlewareUrl, ...QUIET, ...differences.agent };
  const agentDeps = buildAgentDeps(readAgentConfig(AGENT, agentSource), ignore);
  agent.lead(createAgentApp(AGENT, agentDeps));

  const orchestratorSource = {
    GATEWAY_API_KEY,
    ORCHESTRATOR_API_KEY,
    DATABASE_URL: ground.databaseUrl,
    GATEWAY_URL: gateway.url,
    AGENT_REGISTRY_JSON: JSON.stringify({ records: await front('agent', agent.url) }),
    ...QUIET,
    ...differences.orchestrator,
  };
  const orchestratorDeps = buildOrchestratorDeps(readOrchestratorConfig(orchestratorSource), { sink: ignore });
  orchestrator.lead(createOrchestratorApp(orchestratorDeps));

  const bindings: GatewayBindings = {
    GATEWAY_API_KEY,
    ADMIN_API_KEY,
    MIDDLEWARE_API_KEY,
    BEARER_SIGNING_SECRET,
    ORCHESTRATOR_URL: await front('orchestrator', orchestrator.url),
    LINK_URL: 'https://app.example.com/link',
    ...QUIET,
    ...differences.gateway,
    MIDDLEWARE: { fetch: (url, init) => fetch(url.replace('http://rubot-middleware', middlewareUrl), init) },
  };
  gateway.lead(createGatewayApp(await buildGatewayDeps(bindings)) as unknown as NodeApp);

  return {
    gatewayUrl: gateway.url,
    async diagnose() {
      const key = differences.gateway?.['ADMIN_API_KEY'] ?? ADMIN_API_KEY;
      const response = await fetch(`${gateway.url}/admin/diagnosis`, { headers: { authorization: `Bearer ${key}` } });
      if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
      return Diagnosis.parse(await response.json()).findings;
    },
    async close() {
      await Promise.all(doors.map((door) => door.close()));
      await orchestratorDeps.close();
      await agentDeps.close();
    },
  };
}

/** A socket that listens before the app behind it is there, as apps are told each other's addresses. */
async function openDoor() {
  let app: NodeApp | undefined;
  const server: Server = createNodeServer({
    fetch: (request, bindings) => app?.fetch(request, bindings) ?? new Response('not yet', { status: 503 }),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(to: NodeApp) {
      app = to;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
