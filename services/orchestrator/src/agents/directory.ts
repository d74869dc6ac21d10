import type { FetchLike } from '@rubot/http/upstream';
import type { Logger } from '@rubot/logging';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import { type Agent, createAgent } from './agent.ts';
import { type CapabilitiesCache, createCapabilitiesCache } from './capabilities.ts';
import { createHealthMonitor, type HealthMonitor } from './health.ts';
import type { AgentRegistry } from './registry.ts';
import { createReplica } from './replica.ts';

/** Every registered agent, and what is known of it. */
export interface AgentDirectory {
  /** In the order of the registry. */
  readonly agents: ReadonlyMap<string, Agent>;
  readonly capabilities: CapabilitiesCache;
  readonly health: HealthMonitor;
}

export interface AgentDirectoryOptions {
  readonly registry: AgentRegistry;
  readonly fetch: FetchLike;
  readonly apiKey: string;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
  readonly health: { readonly intervalMs: number; readonly timeoutMs: number };
  readonly capabilities: { readonly ttlMs: number; readonly retryAfterMs: number; readonly timeoutMs: number };
  readonly breaker: { readonly failures: number; readonly pauseMs: number };
  readonly now?: () => number;
}

export function createAgentDirectory(options: AgentDirectoryOptions): AgentDirectory {
  const { registry, fetch, apiKey, logger, breaker, now } = options;
  const agents = new Map(
    [...registry].map(([agentId, origins]) => [
      agentId,
      createAgent(
        agentId,
        origins.map((origin) => createReplica({ agentId, origin, breaker, logger })),
      ),
    ]),
  );
  const capabilities = createCapabilitiesCache({
    fetch,
    apiKey,
    logger,
    ...options.capabilities,
    ...(now === undefined ? {} : { now }),
  });
  const health = createHealthMonitor({ agents: [...agents.values()], fetch, ...options.health, onPassed: capabilities.fillGap });
  return { agents, capabilities, health };
}
