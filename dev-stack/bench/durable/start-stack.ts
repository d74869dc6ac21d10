import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { HEADERS } from '@rubot/contracts/headers';
import type { CallerLimits, Limits } from '@rubot/contracts/limits';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { REPOSITORY } from '../../src/repository.ts';
import { type Identity, toClientHeaders } from '../conversation.ts';
import { makeBenchDirectory } from '../targets/directory.ts';
import { newSecret, readGatewayConfig, startGateway } from '../targets/gateway-worker.ts';
import { type RunningService, startService } from '../targets/start-service.ts';
import type { Target } from '../targets/target.ts';
import { startUpstream } from '../upstream/start-upstream.ts';
import { AGENT_ID } from './answers.ts';

export const ENTRANCES = ['whole path', 'orchestrator alone'] as const;
/** Where a completion comes in: at the gateway, or behind it. */
export type Entrance = (typeof ENTRANCES)[number];

export const LOADS = [...ENTRANCES, 'with limits'] as const;
/** How completions are asked for; `with limits`: behind the gateway, where the tenant and a token have limits of every kind. */
export type Load = (typeof LOADS)[number];

export const PROCESSES = ['gateway', 'orchestrator', 'agent', 'model', 'PostgreSQL'] as const;
export type ProcessName = (typeof PROCESSES)[number];

export interface DurableStack {
  readonly targets: Readonly<Record<Load, Target>>;
  readonly processIds: Readonly<Record<ProcessName, number>>;
  /** Of the orchestrator. */
  readonly databaseUrl: string;
  readonly createDatabase: RunningPostgres['createDatabase'];
  stop(): Promise<void>;
}

/** More than are ever asked for at once: what is measured is the path, and not the wait for a slot. */
const WORKER_SLOTS = '64';

/** All that a completion goes through, each in a process of its own, logs on, as deployed; only the model is not real. */
export async function startDurableStack(): Promise<DurableStack> {
  const [directory, dataDirectory] = await Promise.all([makeBenchDirectory(), makeBenchDirectory()]);
  const keys = { gateway: newSecret(), orchestrator: newSecret() };
  const [postgres, model, wrangler] = await Promise.all([
    // In a folder that it is given: in one of its own choice it would not wait for the disk, and nothing would be durable.
    startPostgres({ directory: dataDirectory }),
    startUpstream(new URL('./model.ts', import.meta.url)),
    readGatewayConfig(),
  ]);
  const databaseUrl = await postgres.createDatabase('rubot');
  const agent = await startAgent(directory, keys.orchestrator, model.url);
  const orchestrator = await startService({
    name: 'orchestrator',
    entry: new URL('services/orchestrator/src/main.ts', REPOSITORY),
    environment: {
      GATEWAY_API_KEY: keys.gateway,
      ORCHESTRATOR_API_KEY: keys.orchestrator,
      DATABASE_URL: databaseUrl,
      AGENT_REGISTRY_JSON: JSON.stringify({ [AGENT_ID]: agent.url }),
      WORKER_SLOTS,
      PRICES_JSON: '{"*":{"input":3,"output":15}}',
    },
    directory,
  });
  const gateway = await startGateway({ directory, wrangler, orchestratorUrl: orchestrator.url, apiKey: keys.gateway });
  return {
    targets: {
      'whole path': { url: gateway.url, toHeaders: (identity) => toClientHeaders(keys.gateway, identity) },
      'orchestrator alone': { url: orchestrator.url, toHeaders: (identity) => toGatewayHeaders(keys.gateway, identity) },
      'with limits': {
        url: orchestrator.url,
        toHeaders: (identity) => ({ ...toGatewayHeaders(keys.gateway, identity), [HEADERS.limits]: CALLER_LIMITS }),
      },
    },
    processIds: {
      gateway: gateway.processId,
      orchestrator: orchestrator.processId,
      agent: agent.processId,
      model: model.processId,
      PostgreSQL: await readPostgresId(dataDirectory),
    },
    databaseUrl,
    createDatabase: postgres.createDatabase,
    async stop() {
      await gateway.stop();
      await orchestrator.stop();
      await Promise.all([agent.stop(), model.stop(), postgres.dispose()]);
    },
  };
}

function startAgent(directory: string, apiKey: string, modelUrl: string): Promise<RunningService> {
  return startService({
    name: `agent-${AGENT_ID}`,
    entry: new URL(`services/agent-${AGENT_ID}/src/main.ts`, REPOSITORY),
    environment: { ORCHESTRATOR_API_KEY: apiKey, MODEL_SPECIFIER: 'openai/instant', OPENAI_BASE_URL: `${modelUrl}/v1` },
    directory,
  });
}

/** Never reached: what is measured is what it costs to keep them. */
const LIMITS: Limits = {
  requests_per_minute: 1_000_000_000,
  tokens_per_minute: 1_000_000_000,
  concurrent_runs: 1_000_000,
  usd_per_day: 1_000_000,
  usd_per_month: 1_000_000,
};
const CALLER_LIMITS = JSON.stringify({ tenant: LIMITS, token: { id: `tok_${'0'.repeat(24)}`, limits: LIMITS } } satisfies CallerLimits);

/** What the gateway sends along; nobody reads the bearer, as the agent has no tools. */
function toGatewayHeaders(apiKey: string, identity: Identity): Record<string, string> {
  return {
    ...toClientHeaders(apiKey, identity),
    [HEADERS.tenantId]: 'bench',
    [HEADERS.dataBearer]: 'a'.repeat(400),
    [HEADERS.allowedAgents]: '*',
    [HEADERS.wire]: '1',
  };
}

/** The id is the first line of that file. */
async function readPostgresId(dataDirectory: string): Promise<number> {
  return Number.parseInt(await readFile(path.join(dataDirectory, 'data/postmaster.pid'), 'utf8'), 10);
}
