import { readFile } from 'node:fs/promises';
import { createAgentApp } from '@rubot/agent-kit/app';
import { buildDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { importBearerKeys } from '@rubot/bearer/keys';
import { mintBearer } from '@rubot/bearer/mint';
import { AGENT_KEY, CALLER_HEADERS, RUN_ID } from '@rubot/testkit/agent-contract/harness';
import { startWorkers } from '@rubot/testkit/workerd/start-workers';
import Papa from 'papaparse';
import { agent } from '../src/agent.ts';

const REPOSITORY = new URL('../../../', import.meta.url);
const ENV = {
  MIDDLEWARE_API_KEY: 'mw-e5Rj8Wd1Cn6Xv3Zk9Tq4Bf7Yg2Hm0Lp',
  BEARER_SIGNING_SECRET: 'bs-x7Pl2Df9Gk4Mw6Sc1Vt8Nz5Qb3Rh0Jy',
  ENCRYPTION_SECRET: 'es-q4Wm8Zr1Ty6Ub3Nk9Vc5Xp7Ld2Hj0Gf',
};
const SUBJECT = {
  tenantId: 'acme',
  senderId: '+15550100',
  sessionId: 'session-1',
  runId: RUN_ID,
  scope: ['tools:read', 'tools:write'],
} as const;

export type Row = Readonly<Record<string, string>>;

/** The agent with no model configured, over the seeded tables in the real middleware. */
export interface DemoTenant {
  readonly products: readonly Row[];
  readonly orders: readonly Row[];
  complete(body: Readonly<Record<string, unknown>>, headers?: Readonly<Record<string, string>>): Promise<Response>;
  stop(): Promise<void>;
}

export async function startDemoTenant(): Promise<DemoTenant> {
  const ignore = () => {};
  const workers = await startWorkers({
    workers: [{ directory: new URL('workers/middleware/', REPOSITORY), variables: ENV }],
    onLine: ignore,
    onNoise: ignore,
  });
  const url = workers.urlOf('rubot-middleware-dev');
  const keys = await importBearerKeys({ current: ENV.BEARER_SIGNING_SECRET, previous: undefined });
  const bearer = await mintBearer({ keys, subject: SUBJECT, ttlSeconds: 900, nowMs: Date.now() });

  async function post(path: string, authorization: string, body: unknown): Promise<void> {
    const headers = {
      authorization: `Bearer ${authorization}`,
      'content-type': 'application/json',
      'idempotency-key': path + JSON.stringify(body).length,
    };
    const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  async function seed(name: string): Promise<readonly Row[]> {
    const csv = await readFile(new URL(`dev-stack/seed/${name}.csv`, REPOSITORY), 'utf8');
    await post('/data/acme/tools/tables_create_from_csv/call', bearer, { arguments: { name, csv } });
    return Papa.parse<Row>(csv, { header: true, skipEmptyLines: true }).data;
  }

  await post('/internal/tenants', ENV.MIDDLEWARE_API_KEY, { tenant_id: SUBJECT.tenantId, name: 'Acme' });
  await post('/internal/identity-bindings', ENV.MIDDLEWARE_API_KEY, { tenant_id: SUBJECT.tenantId, sender_id: SUBJECT.senderId });
  const products = await seed('products');
  const orders = await seed('orders');
  const deps = buildDeps(readAgentConfig(agent, { ORCHESTRATOR_API_KEY: AGENT_KEY, MIDDLEWARE_URL: url }), ignore);
  const app = createAgentApp(agent, deps);
  return {
    products,
    orders,
    complete: async (body, headers = {}) =>
      app.fetch(
        new Request('http://agent/v1/chat/completions', {
          method: 'POST',
          headers: { ...CALLER_HEADERS, 'x-rubot-data-bearer': bearer, ...headers },
          body: JSON.stringify(body),
        }),
      ),
    async stop() {
      await deps.close();
      await workers.stop();
    },
  };
}
