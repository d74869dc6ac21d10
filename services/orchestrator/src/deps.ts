import { createNodeFetch } from '@rubot/http/node/fetch';
import { createLogger, type Logger, type LogSink } from '@rubot/logging';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { createModel } from '@rubot/models/create-model';
import { createAgentDirectory } from './agents/directory.ts';
import type { OrchestratorConfig } from './env.ts';
import { ORCHESTRATOR_EVENTS } from './events.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createAiPlanner } from './planning/ai-planner.ts';
import type { PlannerModel } from './planning/planner-model.ts';
import type { ExecuteRunDeps } from './runs/execute-run.ts';
import { createMemoryRunStore } from './runs/memory-run-store.ts';
import type { RunStore } from './runs/run-store.ts';

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

/** What a test puts in place of the world. */
export interface DepsOverrides {
  readonly sink?: LogSink;
  readonly plannerModel?: PlannerModel;
  readonly runs?: RunStore;
  readonly now?: () => number;
}

const MAX_CONNECTIONS_PER_REPLICA = 1_024;

export function buildDeps(config: OrchestratorConfig, overrides: DepsOverrides = {}): BuiltDeps {
  const { agents, secrets } = config;
  const logger = createLogger({ source: config.logSource, events: ORCHESTRATOR_EVENTS, sink: overrides.sink ?? createPinoSink() });
  const network = createNodeFetch({ connectTimeoutMs: agents.connectTimeoutMs, maxConnectionsPerOrigin: MAX_CONNECTIONS_PER_REPLICA });
  const client = { fetch: network.fetch, apiKey: secrets.orchestratorApiKey };
  const now = overrides.now === undefined ? {} : { now: overrides.now };
  const directory = createAgentDirectory({ ...agents, ...client, ...now, logger });
  const model = createModel({ specifier: config.planner.specifier, access: secrets.models, fetch: network.fetch });
  if (model.isDemo) logger.log('model.demo');
  return {
    config,
    logger,
    directory,
    client,
    plannerModel: overrides.plannerModel ?? createAiPlanner(model),
    plannerTimeoutMs: config.planner.timeoutMs,
    runs: overrides.runs ?? createMemoryRunStore(),
    lifecycle: createLifecycle(),
    startedAtMs: Date.now(),
    async close() {
      directory.health.stop();
      await network.close();
    },
  };
}
