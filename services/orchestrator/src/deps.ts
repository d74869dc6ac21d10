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
import { createReservations } from './limits/postgres/reservations.ts';
import type { Reservations } from './limits/reservations.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { observeAttempts } from './metrics/observe-attempts.ts';
import { observeRuns } from './metrics/observe-runs.ts';
import { MIGRATIONS } from './migrations-folder.ts';
import { createAiPlanner } from './planning/ai-planner.ts';
import type { PlannerModel } from './planning/planner-model.ts';
import { createDispatcher, type Dispatcher } from './queue/dispatcher.ts';
import { settleRun } from './queue/settle-run.ts';
import { createSlots, type Slots } from './queue/slots.ts';
import { createActiveRuns } from './runs/active-runs.ts';
import { createKeeper, type Keeper } from './runs/keeper.ts';
import { type Database, openDatabase } from './runs/postgres/database.ts';
import { createPrunings } from './runs/postgres/prune.ts';
import { readQueueFigures } from './runs/postgres/queue-figures.ts';
import { type Migrations, readMigrations } from './runs/postgres/read-migrations.ts';
import { createPostgresRunStore } from './runs/postgres/run-store.ts';
import { createTickets, type Tickets } from './runs/postgres/tickets.ts';
import { countSlots, forgetWorker, tellWorker } from './runs/postgres/workers.ts';
import { createPresence } from './runs/presence.ts';
import type { ClaimedRun, RunStore } from './runs/run-store.ts';
import { createSweeper, type Sweeper } from './runs/sweeper.ts';
import { type WorkOnRunDeps, workOnRun } from './runs/work-on-run.ts';

export interface OrchestratorDeps extends WorkOnRunDeps {
  readonly config: OrchestratorConfig;
  readonly runs: RunStore;
  readonly reservations: Reservations;
  readonly slots: Slots;
  readonly dispatcher: Dispatcher;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  /** @throws RubotError `unavailable` when the database does not answer */
  readonly readMigrations: () => Promise<Migrations>;
  readonly startedAtMs: number;
}

export interface BuiltDeps extends OrchestratorDeps, Background {
  readonly database: Database;
  readonly sweeper: Sweeper;
  readonly keeper: Keeper;
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
  const readFigures = () => readQueueFigures(database.db, config.runs);
  const metrics = createMetrics({ slots, poolUse: database.use, readFigures, isScraped: secrets.metricsApiKey !== undefined });
  const workerId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const reservations = createReservations({ db: database.db, ...now });
  const store = createPostgresRunStore({
    db: database.db,
    tickets,
    workerId,
    ...toStoreOptions(config),
    onQueued: (slotType) => dispatcher.hint(slotType),
    onEnded: metrics.runs.ended,
    settle: (runId) => reservations.settle(runId).catch((error: unknown) => logger.log('limits.unsettled', { error }, { run_id: runId })),
    prices: config.limits.prices,
  });
  const runs = observeRuns(store, metrics.runs);
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
    reservations,
    slots,
    dispatcher,
    activeRuns: observeAttempts(createActiveRuns({ runs, slots, heartbeatMs: config.runs.heartbeatMs, logger }), metrics.runs),
    settle: (run, chosen) => settleRun(run, chosen, { directory, agentLimits: config.runs.agentLimits }),
    maxRetries: config.runs.maxRetries,
    lifecycle: createLifecycle(),
    metrics,
    readMigrations: () => readMigrations(database.db, MIGRATIONS),
    startedAtMs: Date.now(),
  };
  const background = tend(deps, { tickets, database: database.db, workerId });
  return {
    ...deps,
    ...background,
    database: database.db,
    async close() {
      await background.close();
      await network.close();
      await database.close();
    },
  };
}

interface Tools {
  readonly tickets: Tickets;
  readonly database: Database;
  readonly workerId: string;
}

function tend(deps: OrchestratorDeps, { tickets, database, workerId }: Tools): Background & Pick<BuiltDeps, 'sweeper' | 'keeper'> {
  const { config, logger, runs, reservations, slots, metrics, directory } = deps;
  const sweeper = createSweeper({ runs, reservations, intervalMs: config.runs.sweepIntervalMs, onSwept: metrics.runs.swept, logger });
  const keeper = createKeeper({ prunings: createPrunings({ db: database, tickets, retention: config.runs.retention }), logger });
  const presence = createPresence({
    tell: () => tellWorker(database, { workerId, role: config.role, slots: countSlots(slots) }),
    forget: () => forgetWorker(database, workerId),
    intervalMs: config.runs.heartbeatMs,
    logger,
  });
  // Where requests are taken alone, there are workers elsewhere that have the time.
  const keepers = config.role === 'api' ? [] : [keeper];
  const intake = [deps.dispatcher, sweeper];
  return { sweeper, keeper, ...createBackground({ ...deps, tickets, intake, upkeep: [directory.health, presence, ...keepers] }) };
}

function toStoreOptions({ runs }: OrchestratorConfig) {
  return {
    leaseMs: runs.leaseMs,
    limits: runs.tenantLimits,
    backgroundTimeoutMs: runs.timeoutMs,
    watchIntervalMs: runs.queuePollMs,
  };
}

function connectGateway({ gatewayUrl, secrets }: OrchestratorConfig, fetch: FetchLike): GatewayClient | undefined {
  return gatewayUrl === undefined ? undefined : createGatewayClient({ fetch, baseUrl: gatewayUrl, apiKey: secrets.gatewayApiKey.current });
}
