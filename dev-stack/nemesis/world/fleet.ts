import { describeEnd } from '../../src/processes/start-process.ts';
import { findPorts } from '../../src/stack/ports.ts';
import { AGENT_ID } from '../agent/start-agents.ts';
import { AGENT_KEY, GATEWAY_KEY } from './hop.ts';
import { createOrchestrator, type Orchestrator } from './orchestrator.ts';

export interface FleetOptions {
  readonly apis: readonly string[];
  readonly workers: readonly string[];
  /** The program of the orchestrator. */
  readonly entry: URL;
  /** By how much the clock of each worker is wrong, from the first one on. */
  readonly clockShiftsMs: readonly number[];
  readonly originOfAgent: (name: string) => string;
  /** For all of them. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The processes of the orchestrator. */
export interface Fleet {
  /** Take requests, and work on no run. */
  readonly apis: readonly Orchestrator[];
  /** Work on runs, and take no request. */
  readonly workers: readonly Orchestrator[];
  /** Processes that ended and were not asked to. */
  readonly crashes: readonly string[];
  /** @throws StackError when one of them does not start; then none is left */
  start(): Promise<void>;
  close(): Promise<void>;
}

const SHIFT_CLOCK = new URL('./shift-clock.ts', import.meta.url).href;
/** What a program needs of this machine to run at all. */
const MACHINE_VARIABLES = ['PATH', 'HOME', 'TMPDIR'];

export async function createFleet({ entry, clockShiftsMs, originOfAgent, environment, ...names }: FleetOptions): Promise<Fleet> {
  const ports = await findPorts([...names.apis, ...names.workers]);
  const crashes: string[] = [];

  function create(name: string, own: Readonly<Record<string, string>>): Orchestrator {
    return createOrchestrator({
      name,
      entry,
      port: ports[name] ?? 0,
      environment: {
        ...machineVariables(),
        HOST: '127.0.0.1',
        GATEWAY_API_KEY: GATEWAY_KEY,
        ORCHESTRATOR_API_KEY: AGENT_KEY,
        AGENT_REGISTRY_JSON: JSON.stringify({ [AGENT_ID]: originOfAgent(name) }),
        ...own,
        ...environment,
      },
      onCrash: (end) => crashes.push(`${name} ended by itself: ${describeEnd(end)}`),
    });
  }

  const apis = names.apis.map((name) => create(name, { RUBOT_ROLE: 'api' }));
  const workers = names.workers.map((name, index) => create(name, { RUBOT_ROLE: 'worker', ...toClock(clockShiftsMs[index] ?? 0) }));
  const all = [...apis, ...workers];

  // A process that stands still would not notice that this one has ended.
  function letGo(): void {
    for (const one of all) one.resume();
  }
  process.once('exit', letGo);

  async function close(): Promise<void> {
    process.off('exit', letGo);
    await Promise.all(all.filter((one) => one.isRunning()).map((one) => one.kill()));
  }

  return {
    apis,
    workers,
    crashes,
    async start() {
      const starts = await Promise.allSettled(all.map((one) => one.start()));
      const failed = starts.find((start) => start.status === 'rejected');
      if (failed === undefined) return;
      await close();
      throw failed.reason;
    },
    close,
  };
}

function toClock(shiftMs: number): Readonly<Record<string, string>> {
  return shiftMs === 0 ? {} : { NODE_OPTIONS: `--import=${SHIFT_CLOCK}`, RUBOT_CLOCK_SHIFT_MS: String(shiftMs) };
}

function machineVariables(): Record<string, string> {
  return Object.fromEntries(MACHINE_VARIABLES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
