import type { RunningPostgres } from '@rubot/testkit/postgres/start-postgres';
import { describeEnd } from '../../src/processes/start-process.ts';
import { findPorts } from '../../src/stack/ports.ts';
import { createLedger, type Ledger } from '../agent/ledger.ts';
import { AGENT_ID, type Agents, startAgents } from '../agent/start-agents.ts';
import type { Random } from '../random.ts';
import { type Database, openDatabase } from './database.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { AGENT_KEY, GATEWAY_KEY } from './hop.ts';
import { createOrchestrator, type Orchestrator } from './orchestrator.ts';

export interface WorldOptions {
  /** Of it, the world has a database of its own. */
  readonly postgres: RunningPostgres;
  readonly random: Random;
  /** The program of the orchestrator. */
  readonly entry: URL;
  readonly apiCount: number;
  readonly workerCount: number;
  /** For every orchestrator, beside what the world sets. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Everything that a nemesis may break, and what it is judged by. */
export interface World {
  readonly random: Random;
  readonly postgres: RunningPostgres;
  readonly database: Database;
  readonly ledger: Ledger;
  /** Take requests, and work on no run. */
  readonly apis: readonly Orchestrator[];
  /** Work on runs, and take no request. */
  readonly workers: readonly Orchestrator[];
  /** Processes that ended and were not asked to. */
  readonly crashes: readonly string[];
  close(): Promise<void>;
}

/** What a program needs of this machine to run at all. */
const MACHINE_VARIABLES = ['PATH', 'HOME', 'TMPDIR'];

let worldCount = 0;

export async function startWorld(options: WorldOptions): Promise<World> {
  const { postgres, random } = options;
  worldCount += 1;
  const databaseUrl = await postgres.createDatabase(`nemesis_${worldCount}`);
  const ledger = createLedger();
  const apiNames = toNames('api', options.apiCount);
  const workerNames = toNames('worker', options.workerCount);
  const agents = await startAgents([...apiNames, ...workerNames], { ledger, random });
  const gateway = await startGateway();
  const crashes: string[] = [];
  const create = await prepareOrchestrators({ ...options, databaseUrl, agents, gateway, crashes, names: [...apiNames, ...workerNames] });
  const apis = apiNames.map((name) => create(name, 'api'));
  const workers = workerNames.map((name) => create(name, 'worker'));
  const all = [...apis, ...workers];
  const database = openDatabase(databaseUrl);

  // A process that stands still does not notice that this one has ended.
  const letGo = () => {
    for (const one of all) one.resume();
  };
  process.once('exit', letGo);

  async function close(): Promise<void> {
    process.off('exit', letGo);
    await Promise.all(all.filter((one) => one.isRunning()).map((one) => one.kill()));
    await agents.close();
    await gateway.close();
    await database.close();
  }

  const starts = await Promise.allSettled(all.map((one) => one.start()));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return { random, postgres, database, ledger, apis, workers, crashes, close };
}

function toNames(role: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${role}-${index + 1}`);
}

interface Preparation extends WorldOptions {
  readonly databaseUrl: string;
  readonly agents: Agents;
  readonly gateway: Gateway;
  readonly crashes: string[];
  readonly names: readonly string[];
}

async function prepareOrchestrators({ databaseUrl, agents, gateway, crashes, names, entry, environment }: Preparation) {
  const ports = await findPorts(names);
  return (name: string, role: 'api' | 'worker'): Orchestrator =>
    createOrchestrator({
      name,
      entry,
      port: ports[name] ?? 0,
      environment: {
        ...machineVariables(),
        HOST: '127.0.0.1',
        GATEWAY_API_KEY: GATEWAY_KEY,
        ORCHESTRATOR_API_KEY: AGENT_KEY,
        DATABASE_URL: databaseUrl,
        AGENT_REGISTRY_JSON: JSON.stringify({ [AGENT_ID]: agents.originOf(name) }),
        GATEWAY_URL: gateway.origin,
        RUBOT_ROLE: role,
        ...environment,
      },
      onCrash: (end) => crashes.push(`${name} ended by itself: ${describeEnd(end)}`),
    });
}

function machineVariables(): Record<string, string> {
  return Object.fromEntries(MACHINE_VARIABLES.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}
