import { createAgentApp } from '@rubot/agent-kit/app';
import { defineAgent } from '@rubot/agent-kit/define-agent';
import { buildDeps as buildAgentDeps } from '@rubot/agent-kit/deps';
import { readAgentConfig } from '@rubot/agent-kit/env';
import { createGatewayApp } from '@rubot/gateway/app';
import { buildDeps as buildGatewayDeps } from '@rubot/gateway/deps';
import { createMiddlewareApp } from '@rubot/middleware/app';
import { buildDeps as buildMiddlewareDeps } from '@rubot/middleware/deps';
import { createOrchestratorApp } from '@rubot/orchestrator/app';
import { buildDeps as buildOrchestratorDeps } from '@rubot/orchestrator/deps';
import { readOrchestratorConfig } from '@rubot/orchestrator/env';
import { SECRETS } from './_edge.ts';

export type Service = 'gateway' | 'middleware' | 'orchestrator' | 'agent';

interface Routed {
  readonly routes: readonly { readonly method: string; readonly path: string }[];
}

const ORCHESTRATOR_API_KEY = 'or-t5Yh2Ks8Wv4Qn1Zx7Bd9Mf6Lc3Rj0Pg';
const METRICS_API_KEY = 'me-z2Gf8Vw5Rk1Tn6Yb9Xq4Hs7Lc3Md0Pj';

/** The routes of every app, each as `METHOD path`; what stands before several of them is no route of its own. */
export async function readRouteTables(): Promise<Readonly<Record<Service, readonly string[]>>> {
  const unused = { fetch: () => Promise.reject(new Error('no route is asked')) };
  const gateway = await buildGatewayDeps({
    ...SECRETS,
    ORCHESTRATOR_URL: 'http://orchestrator.test',
    LINK_URL: 'https://app.test/link',
    MIDDLEWARE: unused,
  });
  // The database of an app that is never asked.
  const middleware = await buildMiddlewareDeps({ ...SECRETS, DB: {} as never });
  const orchestrator = buildOrchestratorDeps(
    readOrchestratorConfig({
      GATEWAY_API_KEY: SECRETS.GATEWAY_API_KEY,
      ORCHESTRATOR_API_KEY,
      METRICS_API_KEY,
      AGENT_REGISTRY_JSON: '{"tables":"http://agent.test"}',
      DATABASE_URL: 'postgres://nobody:k8Zt5vXc2Lk9Nf4R@127.0.0.1:1/nowhere',
    }),
    { sink: () => {} },
  );
  const agent = defineAgent({ id: 'routed', name: 'Routed', summary: 'Has routes.', instructions: 'None.' });
  const agentDeps = buildAgentDeps(readAgentConfig(agent, { ORCHESTRATOR_API_KEY }), () => {});
  try {
    return {
      gateway: listRoutes(createGatewayApp(gateway)),
      middleware: listRoutes(createMiddlewareApp(middleware)),
      orchestrator: listRoutes(createOrchestratorApp(orchestrator)),
      agent: listRoutes(createAgentApp(agent, agentDeps)),
    };
  } finally {
    await Promise.all([orchestrator.close(), agentDeps.close()]);
  }
}

function listRoutes({ routes }: Routed): readonly string[] {
  return [...new Set(routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${path}`))];
}
