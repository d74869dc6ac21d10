import { createNodeFetch } from '@rubot/http/node/fetch';
import { createLogger, type Logger } from '@rubot/logging';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { createModel } from '@rubot/models/create-model';
import { createAgentDirectory } from './agents/directory.ts';
import type { OrchestratorConfig } from './env.ts';
import { ORCHESTRATOR_EVENTS } from './events.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createAiPlanner } from './planning/ai-planner.ts';
import type { ExecuteRunDeps } from './runs/execute-run.ts';
import { createMemoryRunStore } from './runs/memory-run-store.ts';

export interface OrchestratorDeps extends ExecuteRunDeps {
  readonly config: OrchestratorConfig;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
  readonly lifecycle: Lifecycle;
  readonly startedAtMs: number;
}

export interface BuiltDeps extends OrchestratorDeps {
  /** Stops timers and closes connections, so that the process can end. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS_PER_REPLICA = 256;

export function buildDeps(config: OrchestratorConfig): BuiltDeps {
  const { agents, secrets } = config;
  const logger = createLogger({ source: config.logSource, events: ORCHESTRATOR_EVENTS, sink: createPinoSink() });
  const network = createNodeFetch({ connectTimeoutMs: agents.connectTimeoutMs, maxConnectionsPerOrigin: MAX_CONNECTIONS_PER_REPLICA });
  const client = { fetch: network.fetch, apiKey: secrets.orchestratorApiKey };
  const directory = createAgentDirectory({ ...agents, ...client, logger });
  const model = createModel({ specifier: config.planner.specifier, access: secrets.models, fetch: network.fetch });
  if (model.isDemo) logger.log('model.demo');
  return {
    config,
    logger,
    directory,
    client,
    plannerModel: createAiPlanner(model),
    plannerTimeoutMs: config.planner.timeoutMs,
    runs: createMemoryRunStore(),
    lifecycle: createLifecycle(),
    startedAtMs: Date.now(),
    async close() {
      directory.health.stop();
      await network.close();
    },
  };
}
