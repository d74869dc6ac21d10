import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createNodeFetch } from '@rubot/http/node/fetch';
import type { FetchLike } from '@rubot/http/upstream';
import { createLogger, type Logger, type LogSink } from '@rubot/logging';
import { createPinoSink } from '@rubot/logging/pino-sink';
import { createModel } from '@rubot/models/create-model';
import { createAgentDirectory } from './agents/directory.ts';
import { type Background, createBackground } from './background.ts';
import { createGatewayClient, type GatewayClient } from './clients/gateway.ts';
import type { OrchestratorConfig } from './env.ts';
import { ORCHESTRATOR_EVENTS } from './events.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createAiPlanner } from './planning/ai-planner.ts';
import type { PlannerModel } from './planning/planner-model.ts';
import { createDispatcher, type Dispatcher } from './queue/dispatcher.ts';
import { settleRun } from './queue/settle-run.ts';
import { createSlots, type Slots } from './queue/slots.ts';
import { createActiveRuns } from './runs/active-runs.ts';
import { type Database, openDatabase } from './runs/postgres/database.ts';
import { createPostgresRunStore } from './runs/postgres/run-store.ts';
import { createTickets } from './runs/postgres/tickets.ts';
import type { ClaimedRun, RunStore } from './runs/run-store.ts';
import { createSweeper, type Sweeper } from './runs/sweeper.ts';
import { type WorkOnRunDeps, workOnRun } from './runs/work-on-run.ts';

export interface OrchestratorDeps extends WorkOnRunDeps {
  readonly config: OrchestratorConfig;
  readonly runs: RunStore;
  readonly slots: Slots;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly startedAtMs: number;
}

export interface BuiltDeps extends OrchestratorDeps, Background {
  readonly database: Database;
  readonly sweeper: Sweeper;
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
  const tickets = createTickets(database.db, (error) => logger.log('queue.failed', { error }));
  const slots = createSlots(config.runs.slots);
  const runs = createPostgresRunStore({
    db: database.db,
    tickets,
    ...toStoreOptions(config),
    onQueued: (slotType) => dispatcher.hint(slotType),
    onCancelled: () => {},
  });
  const work = (claimed: ClaimedRun) => workOnRun(claimed, deps);
  const dispatcher = createDispatcher({ runs, slots, pollMs: config.runs.queuePollMs, work, logger });
  const deps: OrchestratorDeps = {
    config,
    logger,
    directory,
    client,
    gateway: connectGateway(config, network.fetch),
    plannerModel: overrides.plannerModel ?? createAiPlanner(model),
    plannerTimeoutMs: config.planner.timeoutMs,
    runs,
    slots,
    dispatcher,
    activeRuns: createActiveRuns({ runs, slots, heartbeatMs: config.runs.heartbeatMs, logger }),
    settle: (run, chosen) => settleRun(run, chosen, { directory, agentLimits: config.runs.agentLimits }),
    maxRetries: config.runs.maxRetries,
    lifecycle: createLifecycle(),
    startedAtMs: Date.now(),
  };
  const sweeper = createSweeper({ runs, intervalMs: config.runs.sweepIntervalMs, onSwept: () => {}, logger });
  const { activeRuns, lifecycle } = deps;
  const background = createBackground({ tickets, lifecycle, activeRuns, intake: [dispatcher, sweeper], upkeep: [directory.health] });
  return {
    ...deps,
    ...background,
    database: database.db,
    sweeper,
    async close() {
      await background.close();
      await network.close();
      await database.close();
    },
  };
}

function toStoreOptions({ runs }: OrchestratorConfig) {
  return {
    workerId: `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`,
    leaseMs: runs.leaseMs,
    limits: runs.tenantLimits,
    backgroundTimeoutMs: runs.timeoutMs,
    watchIntervalMs: runs.queuePollMs,
  };
}

function connectGateway({ gatewayUrl, secrets }: OrchestratorConfig, fetch: FetchLike): GatewayClient | undefined {
  return gatewayUrl === undefined ? undefined : createGatewayClient({ fetch, baseUrl: gatewayUrl, apiKey: secrets.gatewayApiKey.current });
}
