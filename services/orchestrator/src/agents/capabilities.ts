import { Capabilities } from '@rubot/contracts/agent';
import { RubotError } from '@rubot/errors';
import { createDeadline } from '@rubot/http/deadline';
import { callUpstreamJson, type FetchLike } from '@rubot/http/upstream';
import type { Logger } from '@rubot/logging';
import { startSpan } from '@rubot/logging/span';
import { newTraceId } from '@rubot/logging/trace-context';
import type { ORCHESTRATOR_EVENTS } from '../events.ts';
import type { Agent } from './agent.ts';

export interface CapabilitiesCache {
  /**
   * What the agent says of itself, or `undefined` when it does not say. Only the first question about an agent waits
   * for its answer; later ones get what is known and at most start a refresh behind it.
   */
  get(agent: Agent): Promise<Capabilities | undefined>;
  /** Asks again in the background where nothing is known: called when the agent is known to be ready. */
  fillGap(agent: Agent): void;
}

export interface CapabilitiesCacheOptions {
  readonly fetch: FetchLike;
  readonly apiKey: string;
  readonly logger: Logger<typeof ORCHESTRATOR_EVENTS>;
  /** How long an answer is good. */
  readonly ttlMs: number;
  /** How long the lack of an answer is good: no request asks a dead agent again before that. */
  readonly retryAfterMs: number;
  readonly timeoutMs: number;
  readonly now?: () => number;
}

interface Entry {
  readonly capabilities: Capabilities | undefined;
  readonly refreshAtMs: number;
}

export function createCapabilitiesCache(options: CapabilitiesCacheOptions): CapabilitiesCache {
  const { now = Date.now, ttlMs, retryAfterMs } = options;
  const entries = new Map<string, Entry>();
  const pending = new Map<string, Promise<Entry>>();

  async function refresh(agent: Agent): Promise<Entry> {
    try {
      const capabilities = await fetchCapabilities(agent, options);
      return { capabilities, refreshAtMs: now() + ttlMs };
    } catch (thrown) {
      // An agent that cannot be reached is still what it was; one that says something wrong is not to be trusted.
      const known = isUnreachable(thrown) ? entries.get(agent.id)?.capabilities : undefined;
      return { capabilities: known, refreshAtMs: now() + retryAfterMs };
    }
  }

  function refreshOnce(agent: Agent): Promise<Entry> {
    const running = pending.get(agent.id);
    if (running !== undefined) return running;
    const started = refresh(agent).then((entry) => {
      entries.set(agent.id, entry);
      pending.delete(agent.id);
      return entry;
    });
    pending.set(agent.id, started);
    return started;
  }

  return {
    async get(agent) {
      const entry = entries.get(agent.id);
      if (entry === undefined) return (await refreshOnce(agent)).capabilities;
      if (now() >= entry.refreshAtMs) void refreshOnce(agent);
      return entry.capabilities;
    },
    fillGap(agent) {
      if (entries.get(agent.id)?.capabilities === undefined) void refreshOnce(agent);
    },
  };
}

/** In a trace of its own: the answer serves many requests, and none of them may cancel it for the others. */
async function fetchCapabilities(agent: Agent, { fetch, apiKey, logger, timeoutMs }: CapabilitiesCacheOptions): Promise<Capabilities> {
  const span = startSpan({
    logger,
    traceId: newTraceId(),
    parentSpanId: undefined,
    event: 'capabilities.refreshed',
    name: `capabilities of ${agent.id}`,
    kind: 'internal',
  });
  const deadline = createDeadline({ timeoutMs });
  const extra = { agent_id: agent.id };
  try {
    const { answer: capabilities, end } = await agent.call((origin) =>
      callUpstreamJson(
        {
          fetch,
          peer: `rubot-agent-${agent.id}`,
          method: 'GET',
          url: `${origin}/v1/capabilities`,
          headers: { authorization: `Bearer ${apiKey}` },
          span,
          deadline,
        },
        Capabilities,
      ),
    );
    end();
    assertSameAgent(agent, capabilities);
    span.end({ extra });
    return capabilities;
  } catch (thrown) {
    span.end({ error: thrown, extra });
    throw thrown;
  } finally {
    deadline.clear();
  }
}

function assertSameAgent(agent: Agent, { source_id }: Capabilities): void {
  if (source_id === agent.id) return;
  throw new RubotError('misconfigured', `What is registered as ${agent.id} says that it is ${source_id}. Correct AGENT_REGISTRY_JSON.`);
}

function isUnreachable(thrown: unknown): boolean {
  return RubotError.is(thrown) && (thrown.code === 'unavailable' || thrown.code === 'deadline_exceeded');
}
