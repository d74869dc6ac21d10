import { performance } from 'node:perf_hooks';
import { type ProcessEnd, type RunningProcess, startProcess } from '../../src/processes/start-process.ts';

export interface OrchestratorOptions {
  readonly name: string;
  /** The program. */
  readonly entry: URL;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Called when the process ends and nobody has asked it to. */
  readonly onCrash: (end: ProcessEnd) => void;
}

/** A process of the service that can be ended and begun again on the same port. */
export interface Orchestrator {
  readonly name: string;
  readonly url: string;
  isRunning(): boolean;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: it is the rest of the world that goes on meanwhile. */
  pause(): void;
  resume(): void;
  /** SIGTERM, without any help. */
  stop(): Promise<{ readonly end: ProcessEnd; readonly tookMs: number }>;
  /** Lines that it has logged of this event, over all its lives. */
  count(event: string): number;
}

const EVENT = /"event_type":"([a-z_.-]+)"/;

export function createOrchestrator({ name, entry, port, environment, onCrash }: OrchestratorOptions): Orchestrator {
  const counts = new Map<string, number>();
  let running: RunningProcess | undefined;

  function hear(line: string): void {
    const event = EVENT.exec(line)?.[1];
    if (event !== undefined) counts.set(event, (counts.get(event) ?? 0) + 1);
  }

  async function watch(child: RunningProcess): Promise<void> {
    const end = await child.ended;
    if (running !== child) return;
    running = undefined;
    onCrash(end);
  }

  /** Forgets it first, as what ends while it is known has crashed. */
  function take(): RunningProcess {
    if (running === undefined) throw new Error(`${name} does not run`);
    const child = running;
    running = undefined;
    return child;
  }

  function signal({ pid }: RunningProcess, name: NodeJS.Signals): void {
    process.kill(pid, name);
  }

  return {
    name,
    url: `http://127.0.0.1:${port}`,
    isRunning: () => running !== undefined,
    count: (event) => counts.get(event) ?? 0,
    async start() {
      const child = await startProcess({
        name,
        entry,
        environment: { ...environment, PORT: String(port) },
        onLine: hear,
        onNoise: () => {},
      });
      running = child;
      void watch(child);
    },
    async kill() {
      await take().kill('SIGKILL');
    },
    pause() {
      if (running !== undefined) signal(running, 'SIGSTOP');
    },
    resume() {
      if (running !== undefined) signal(running, 'SIGCONT');
    },
    async stop() {
      const child = take();
      const startedMs = performance.now();
      signal(child, 'SIGTERM');
      const end = await child.ended;
      return { end, tookMs: performance.now() - startedMs };
    },
  };
}
