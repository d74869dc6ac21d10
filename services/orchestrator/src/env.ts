import { parseEnv } from '@rubot/config/parse-env';
import { secret, secretUrl } from '@rubot/config/secret';
import { origin, type RotatingSecret, toRotatingSecret, variable } from '@rubot/config/variable';
import { sharedVariables } from '@rubot/config/vars';
import { AgentId } from '@rubot/contracts/ids';
import { parseJson } from '@rubot/contracts/parse-json';
import { MEMORIES, type Memory, SESSION_STRATEGIES, type SessionStrategy } from '@rubot/contracts/runs';
import type { LogSource } from '@rubot/logging';
import {
  chooseModel,
  findModelProblems,
  type ModelAccess,
  type ModelOverride,
  modelVariables,
  toModelAccess,
} from '@rubot/models/variables';
import { z } from 'zod';
import { type AgentRegistry, AgentRegistryJson } from './agents/registry.ts';
import { findLimitProblems, type LimitsConfig, limitVariables, toLimitsConfig } from './limits/variables.ts';
import { parseSlotCounts, type SlotCounts } from './queue/slots.ts';
import type { TenantLimits } from './runs/postgres/store-context.ts';

export const SERVICE = 'rubot-orchestrator';

function milliseconds(minimum: number, fallback: number, description: string): z.ZodDefault<z.ZodCoercedNumber> {
  return variable(z.coerce.number().int().min(minimum).max(3_600_000).default(fallback), { description });
}

export const ROLES = ['all', 'api', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const NO_SLOTS: SlotCounts = { cpu: 0, gpu: 0 };

const SlotCountsText = z.string().transform((text, context): SlotCounts => {
  const counts = parseSlotCounts(text);
  if (typeof counts !== 'string') return counts;
  context.addIssue({ code: 'custom', message: counts });
  return z.NEVER;
});

const AgentLimits = z.record(AgentId, z.number().int().min(1));

const AgentLimitsJson = z.string().transform((text, context): ReadonlyMap<string, number> => {
  const limits = AgentLimits.safeParse(parseJson(text));
  if (limits.success) return new Map(Object.entries(limits.data));
  context.addIssue({ code: 'custom', message: 'must be a JSON object of agent ids and numbers from 1 on, such as {"tables":10}' });
  return z.NEVER;
});

export const orchestratorVariables = {
  ENVIRONMENT: sharedVariables.ENVIRONMENT,
  DEPLOYMENT_HASH: sharedVariables.DEPLOYMENT_HASH,
  LOG_LEVEL: sharedVariables.LOG_LEVEL,
  PORT: sharedVariables.PORT,
  HOST: sharedVariables.HOST,
  GATEWAY_API_KEY: sharedVariables.GATEWAY_API_KEY,
  GATEWAY_API_KEY_PREVIOUS: sharedVariables.GATEWAY_API_KEY_PREVIOUS,
  ORCHESTRATOR_API_KEY: sharedVariables.ORCHESTRATOR_API_KEY,
  MAX_BODY_BYTES: sharedVariables.MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MS: sharedVariables.REQUEST_TIMEOUT_MS,
  DATABASE_URL: secretUrl(z.url({ protocol: /^postgres(?:ql)?$/, error: 'must be postgres://user:password@host:port/database' }), {
    description: 'The PostgreSQL in which runs live; PgBouncer in transaction mode may stand in front of it.',
    example: 'postgres://rubot:secret@postgres:5432/rubot',
  }),
  DATABASE_POOL_SIZE: variable(z.coerce.number().int().min(1).max(200).default(10), {
    description: 'Most connections to the database that one process opens.',
  }),
  RUBOT_ROLE: variable(z.enum(ROLES).default('all'), {
    description: 'What this process does: take requests (api), work on runs (worker), or both (all).',
  }),
  WORKER_SLOTS: variable(SlotCountsText.prefault('4'), {
    description: 'Runs that one process works on at a time: a number, or a list by type; agents say which type they need.',
    example: 'cpu:4,gpu:1',
  }),
  QUEUE_POLL_MS: milliseconds(10, 100, 'How often a process with a free slot looks for runs that another process has queued.'),
  TENANT_QUEUE_DEPTH: variable(z.coerce.number().int().min(1).max(1_000_000).default(1_000), {
    description: 'Most runs of one tenant that may wait; the next one is refused with 429.',
  }),
  TENANT_CONCURRENCY: variable(z.coerce.number().int().min(1).max(100_000).optional(), {
    description: 'Most runs of one tenant that are worked on at a time, over all processes. Unset: no limit.',
    example: '20',
  }),
  AGENT_CONCURRENCY_JSON: variable(AgentLimitsJson.optional(), {
    description: 'Most runs at a time, over all processes, by agent id. An agent that is not named has no limit.',
    example: '{"tables":10}',
  }),
  ...limitVariables,
  RUN_TIMEOUT_MS: milliseconds(1_000, 900_000, 'How long one attempt of a run may take for which nobody waits.'),
  RUN_MAX_RETRIES: variable(z.coerce.number().int().min(0).max(20).default(3), {
    description: 'How often a run for which nobody waits is tried again, after failures that may pass.',
  }),
  SESSION_MEMORY: variable(z.enum(MEMORIES).default('none'), {
    description: 'Whether conversations are remembered where a request does not say (x-rubot-memory).',
  }),
  SESSION_STRATEGY: variable(z.enum(SESSION_STRATEGIES).default('enqueue'), {
    description: 'What a message does in a remembered session that is being answered, where it does not say (x-rubot-session-strategy).',
  }),
  EVENTS_RETENTION_HOURS: variable(z.coerce.number().int().min(1).max(87_600).default(168), {
    description: 'How long the events of a run that has ended can be read; later they are told as a gap.',
  }),
  RUN_RETENTION_HOURS: variable(z.coerce.number().int().min(1).max(876_000).default(2_160), {
    description: 'How long a run that has ended is kept at all, dead letters included.',
  }),
  GATEWAY_URL: origin(
    'The gateway, which gives fresh data bearers to runs that outlive theirs. Unset: such runs lose their tools.',
    'https://gateway.example.com',
  ).optional(),
  METRICS_API_KEY: secret('What a scraper of /metrics shows as its bearer token. Unset: there is no /metrics.').optional(),
  METRICS_API_KEY_PREVIOUS: secret('The former METRICS_API_KEY, accepted while it is rotated.').optional(),
  SLOW_READER_TIMEOUT_MS: milliseconds(100, 30_000, 'How long a reader of a stream may take nothing before it is cut off.'),
  RUN_LEASE_MS: milliseconds(500, 30_000, 'How long a run is left to a process that says nothing, before another goes on with it.'),
  RUN_HEARTBEAT_MS: milliseconds(100, 10_000, 'How often a process says that its runs live; at most half of RUN_LEASE_MS.'),
  SWEEP_INTERVAL_MS: milliseconds(50, 5_000, 'Time between two looks for runs that were left by their process.'),
  EVENTS_POLL_MS: milliseconds(10, 1_000, 'How often a reader of events looks for what another process wrote.'),
  AGENT_REGISTRY_JSON: variable(AgentRegistryJson, {
    description: 'The agents by id, each with one origin or a list of replicas. Their order breaks ties where no planner decides.',
    example: '{"tables":"http://agent-tables:8080","conversational":["http://agent-a:8080","http://agent-b:8080"]}',
  }),
  ...modelVariables,
  PLANNER_MODEL: variable(sharedVariables.MODEL_SPECIFIER.unwrap().optional(), {
    description: 'The model of the planner, where it shall differ from MODEL_SPECIFIER.',
    example: 'openai/gpt-5-nano',
  }),
  PLANNER_TIMEOUT_MS: milliseconds(100, 10_000, 'How long the planner may take before one agent is chosen without it.'),
  HOLD_STATUS_MS: milliseconds(
    0,
    10_000,
    'How long a stream waits for its first words, so that a failure before them has a status of its own.',
  ),
  HEARTBEAT_MS: milliseconds(10, 15_000, 'Silence in a stream after which a comment is sent.'),
  HEALTH_INTERVAL_MS: milliseconds(10, 10_000, 'Time between two health checks of a replica.'),
  HEALTH_TIMEOUT_MS: milliseconds(10, 2_000, 'How long a replica may take to say that it is ready.'),
  CAPABILITIES_TTL_MS: milliseconds(10, 300_000, 'How long what an agent says of itself is believed before it is asked again.'),
  CAPABILITIES_RETRY_MS: milliseconds(10, 10_000, 'How long an agent that did not say what it can do is left alone.'),
  CAPABILITIES_TIMEOUT_MS: milliseconds(10, 2_000, 'How long an agent may take to say what it can do.'),
  BREAKER_FAILURES: variable(z.coerce.number().int().min(1).default(5), {
    description: 'How many requests in a row a replica may fail before it is left alone for a while.',
  }),
  BREAKER_PAUSE_MS: milliseconds(10, 10_000, 'How long a replica that failed BREAKER_FAILURES requests in a row is left alone.'),
  AGENT_CONNECT_TIMEOUT_MS: milliseconds(10, 2_000, 'How long a connection to a replica may take before the next is tried.'),
  DRAIN_TIMEOUT_MS: sharedVariables.DRAIN_TIMEOUT_MS,
} as const;

export interface OrchestratorConfig {
  readonly logSource: LogSource;
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly holdStatusMs: number;
  readonly heartbeatMs: number;
  readonly drainTimeoutMs: number;
  readonly slowReaderTimeoutMs: number;
  readonly role: Role;
  readonly gatewayUrl: string | undefined;
  readonly agents: AgentsConfig;
  readonly runs: RunsConfig;
  readonly limits: LimitsConfig;
  readonly planner: { readonly specifier: string; readonly timeoutMs: number };
  readonly secrets: OrchestratorSecrets;
}

export interface AgentsConfig {
  readonly registry: AgentRegistry;
  readonly health: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly capabilities: { readonly ttlMs: number; readonly retryAfterMs: number; readonly timeoutMs: number };
  readonly breaker: { readonly failures: number; readonly pauseMs: number };
  readonly connectTimeoutMs: number;
}

export interface RunsConfig {
  readonly slots: SlotCounts;
  readonly queuePollMs: number;
  readonly tenantLimits: TenantLimits;
  readonly agentLimits: ReadonlyMap<string, number>;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly memory: Memory;
  readonly sessionStrategy: SessionStrategy;
  readonly retention: { readonly eventsHours: number; readonly runHours: number };
  readonly maxConnections: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly sweepIntervalMs: number;
  readonly eventsPollMs: number;
}

/** Apart from the rest, so that the rest can be shown. */
export interface OrchestratorSecrets {
  readonly gatewayApiKey: RotatingSecret;
  readonly orchestratorApiKey: string;
  readonly metricsApiKey: RotatingSecret | undefined;
  readonly databaseUrl: string;
  readonly models: ModelAccess;
}

/** @throws EnvironmentError naming every problem */
export function readOrchestratorConfig(source: Readonly<Record<string, unknown>>): OrchestratorConfig {
  const env = parseEnv({
    service: SERVICE,
    variables: orchestratorVariables,
    source,
    crossCheck: (parsed) => [
      ...findModelProblems(parsed, plannerOverride(parsed.PLANNER_MODEL)),
      ...findLimitProblems(parsed),
      ...(parsed.HEALTH_TIMEOUT_MS < parsed.HEALTH_INTERVAL_MS ? [] : ['HEALTH_TIMEOUT_MS must be less than HEALTH_INTERVAL_MS']),
      ...(parsed.RUN_HEARTBEAT_MS * 2 <= parsed.RUN_LEASE_MS ? [] : ['RUN_HEARTBEAT_MS must be at most half of RUN_LEASE_MS']),
    ],
  });
  return {
    logSource: { service: SERVICE, environment: env.ENVIRONMENT, deploymentHash: env.DEPLOYMENT_HASH, level: env.LOG_LEVEL },
    host: env.HOST,
    port: env.PORT,
    maxBodyBytes: env.MAX_BODY_BYTES,
    requestTimeoutMs: env.REQUEST_TIMEOUT_MS,
    holdStatusMs: env.HOLD_STATUS_MS,
    heartbeatMs: env.HEARTBEAT_MS,
    drainTimeoutMs: env.DRAIN_TIMEOUT_MS,
    agents: {
      registry: env.AGENT_REGISTRY_JSON,
      health: { intervalMs: env.HEALTH_INTERVAL_MS, timeoutMs: env.HEALTH_TIMEOUT_MS },
      capabilities: { ttlMs: env.CAPABILITIES_TTL_MS, retryAfterMs: env.CAPABILITIES_RETRY_MS, timeoutMs: env.CAPABILITIES_TIMEOUT_MS },
      breaker: { failures: env.BREAKER_FAILURES, pauseMs: env.BREAKER_PAUSE_MS },
      connectTimeoutMs: env.AGENT_CONNECT_TIMEOUT_MS,
    },
    role: env.RUBOT_ROLE,
    gatewayUrl: env.GATEWAY_URL,
    slowReaderTimeoutMs: env.SLOW_READER_TIMEOUT_MS,
    runs: {
      slots: env.RUBOT_ROLE === 'api' ? NO_SLOTS : env.WORKER_SLOTS,
      queuePollMs: env.QUEUE_POLL_MS,
      tenantLimits: { concurrency: env.TENANT_CONCURRENCY, queueDepth: env.TENANT_QUEUE_DEPTH },
      agentLimits: env.AGENT_CONCURRENCY_JSON ?? new Map(),
      timeoutMs: env.RUN_TIMEOUT_MS,
      maxRetries: env.RUN_MAX_RETRIES,
      memory: env.SESSION_MEMORY,
      sessionStrategy: env.SESSION_STRATEGY,
      retention: { eventsHours: env.EVENTS_RETENTION_HOURS, runHours: env.RUN_RETENTION_HOURS },
      maxConnections: env.DATABASE_POOL_SIZE,
      leaseMs: env.RUN_LEASE_MS,
      heartbeatMs: env.RUN_HEARTBEAT_MS,
      sweepIntervalMs: env.SWEEP_INTERVAL_MS,
      eventsPollMs: env.EVENTS_POLL_MS,
    },
    limits: toLimitsConfig(env),
    planner: { specifier: chooseModel(env, plannerOverride(env.PLANNER_MODEL)), timeoutMs: env.PLANNER_TIMEOUT_MS },
    secrets: {
      gatewayApiKey: toRotatingSecret(env.GATEWAY_API_KEY, env.GATEWAY_API_KEY_PREVIOUS),
      orchestratorApiKey: env.ORCHESTRATOR_API_KEY,
      metricsApiKey: env.METRICS_API_KEY === undefined ? undefined : toRotatingSecret(env.METRICS_API_KEY, env.METRICS_API_KEY_PREVIOUS),
      databaseUrl: env.DATABASE_URL,
      models: toModelAccess(env),
    },
  };
}

function plannerOverride(specifier: string | undefined): ModelOverride {
  return { variable: 'PLANNER_MODEL', specifier };
}
