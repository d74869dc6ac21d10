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
import { createActiveRuns } from './runs/active-runs.ts';
import { type Database, openDatabase } from './runs/postgres/database.ts';
import { createPostgresRunStore } from './runs/postgres/run-store.ts';
import { type ResumeRunDeps, resumeRun } from './runs/resume-run.ts';
import type { RunStore } from './runs/run-store.ts';
import { createSweeper, type Sweeper } from './runs/sweeper.ts';

export interface OrchestratorDeps extends ResumeRunDeps {
  readonly config: OrchestratorConfig;
  readonly runs: RunStore;
  readonly lifecycle: Lifecycle;
  readonly startedAtMs: number;
}

export interface BuiltDeps extends OrchestratorDeps {
  readonly database: Database;
  readonly sweeper: Sweeper;
  /** Begins what goes on beside requests. */
  start(): void;
  /** Stops it, gives back the runs that are worked on and closes connections, so that the process can end. */
  close(): Promise<void>;
}

/** What a test puts in place of the world. */
export interface DepsOverrides {
  readonly sink?: LogSink;
  readonly plannerModel?: PlannerModel;
  readonly now?: () => number;
}

const MAX_CONNECTIONS_PER_REPLICA = 1_024;

export function buildDeps(config: OrchestratorConfig, overrides: DepsOverrides = {}): BuiltDeps {
  const { agents, secrets } = config;
  const logger: Logger<typeof ORCHESTRATOR_EVENTS> = createLogger({
    source: config.logSource,
    events: ORCHESTRATOR_EVENTS,
    sink: overrides.sink ?? createPinoSink(),
  });
  const network = createNodeFetch({ connectTimeoutMs: agents.connectTimeoutMs, maxConnectionsPerOrigin: MAX_CONNECTIONS_PER_REPLICA });
  const client = { fetch: network.fetch, apiKey: secrets.orchestratorApiKey };
  const now = overrides.now === undefined ? {} : { now: overrides.now };
  const directory = createAgentDirectory({ ...agents, ...client, ...now, logger });
  const model = createModel({ specifier: config.planner.specifier, access: secrets.models, fetch: network.fetch });
  if (model.isDemo) logger.log('model.demo');
  const database = openDatabase({ url: secrets.databaseUrl, maxConnections: config.runs.maxConnections });
  const runs = createPostgresRunStore({ db: database.db, leaseMs: config.runs.leaseMs });
  const deps: OrchestratorDeps = {
    config,
    logger,
    directory,
    client,
    plannerModel: overrides.plannerModel ?? createAiPlanner(model),
    plannerTimeoutMs: config.planner.timeoutMs,
    runs,
    activeRuns: createActiveRuns({ runs, heartbeatMs: config.runs.heartbeatMs, logger }),
    lifecycle: createLifecycle(),
    startedAtMs: Date.now(),
  };
  const sweeper = createSweeper({
    runs,
    intervalMs: config.runs.sweepIntervalMs,
    resume: (claimed) => resumeRun(claimed, deps),
    logger,
  });
  return {
    ...deps,
    database: database.db,
    sweeper,
    start() {
      directory.health.start();
      deps.activeRuns.start();
      sweeper.start();
    },
    async close() {
      sweeper.stop();
      await deps.activeRuns.stop();
      directory.health.stop();
      await network.close();
      await database.close();
    },
  };
}
