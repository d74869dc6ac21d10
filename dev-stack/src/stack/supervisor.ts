import { type ProcessEnd, type RunningProcess, startProcess } from '../processes/start-process.ts';
import type { PlannedService } from './plan-stack.ts';

export interface SupervisorOptions {
  readonly services: ReadonlyMap<string, PlannedService>;
  readonly onLine: (line: string) => void;
  readonly onNoise: (line: string) => void;
  readonly onCrash: (end: ProcessEnd) => void;
}

/** The processes of the stack by the names of their folders; `workers` are both Workers. */
export interface Supervisor {
  /** Resolves when it answers. */
  start(name: string): Promise<void>;
  /** As a host would: SIGTERM, and SIGKILL when that is not heard. */
  stop(name: string): Promise<ProcessEnd>;
  kill(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** The last one when the others have stopped, as they may need it to. */
  stopAll(last?: string): Promise<void>;
}

export function createSupervisor({ services, onLine, onNoise, onCrash }: SupervisorOptions): Supervisor {
  const running = new Map<string, RunningProcess>();

  /** Forgets it first, as what ends while it is known has crashed. */
  function take(name: string): RunningProcess {
    const child = running.get(name);
    if (child === undefined) throw new Error(`${name} does not run; these do: ${[...running.keys()].join(', ')}`);
    running.delete(name);
    return child;
  }

  async function watch(name: string, child: RunningProcess): Promise<void> {
    const end = await child.ended;
    if (running.get(name) !== child) return;
    running.delete(name);
    onCrash(end);
  }

  return {
    async start(name) {
      const service = services.get(name);
      if (service === undefined) throw new Error(`the stack has no ${name}; it has: ${[...services.keys()].join(', ')}`);
      const child = await startProcess({ ...service, onLine, onNoise });
      running.set(name, child);
      void watch(name, child);
    },
    async stop(name) {
      return await take(name).stop();
    },
    async kill(name, signal = 'SIGKILL') {
      await take(name).kill(signal);
    },
    async stopAll(last) {
      await Promise.all([...running.keys()].filter((name) => name !== last).map((name) => take(name).stop()));
      if (last !== undefined && running.has(last)) await take(last).stop();
    },
  };
}
