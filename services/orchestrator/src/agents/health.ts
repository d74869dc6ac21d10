import { readBytes } from '@rubot/http/body';
import type { FetchLike } from '@rubot/http/upstream';
import type { Agent } from './agent.ts';
import type { Replica } from './replica.ts';

export interface HealthMonitor {
  /** Checks all replicas now and at every interval, until stopped. */
  start(): void;
  stop(): void;
  /** One round over all replicas; resolves when each has answered or run out of time. */
  checkAll(): Promise<void>;
}

export interface HealthMonitorOptions {
  readonly agents: readonly Agent[];
  readonly fetch: FetchLike;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Called for each agent with a replica that has just passed. */
  readonly onPassed: (agent: Agent) => void;
}

const MAX_ANSWER_BYTES = 4_096;

export function createHealthMonitor({ agents, fetch, intervalMs, timeoutMs, onPassed }: HealthMonitorOptions): HealthMonitor {
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  async function check(agent: Agent, replica: Replica): Promise<void> {
    const passed = await isReady(replica.origin);
    if (stopped.signal.aborted) return;
    replica.recordCheck(passed);
    if (passed) onPassed(agent);
  }

  async function isReady(origin: string): Promise<boolean> {
    const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const response = await fetch(`${origin}/readyz`, { method: 'GET', headers: {}, signal, redirect: 'manual' });
      // Read to its end, so that the connection can serve the next check.
      await readBytes(response, { maxBytes: MAX_ANSWER_BYTES });
      return response.ok;
    } catch {
      // Whatever went wrong, the replica did not say that it is ready; that is all a check asks.
      return false;
    }
  }

  async function checkAll(): Promise<void> {
    await Promise.all(agents.flatMap((agent) => agent.replicas.map((replica) => check(agent, replica))));
  }

  return {
    checkAll,
    start() {
      void checkAll();
      timer = setInterval(() => void checkAll(), intervalMs);
      // A timer must not keep a process alive that has nothing else to do.
      timer.unref();
    },
    stop() {
      clearInterval(timer);
      stopped.abort();
    },
  };
}
