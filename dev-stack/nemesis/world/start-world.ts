import type { RunningPostgres } from '@rubot/testkit/postgres/start-postgres';
import { createLedger, type Ledger } from '../agent/ledger.ts';
import { type Agents, startAgents } from '../agent/start-agents.ts';
import type { Random } from '../random.ts';
import { type Database, openDatabase } from './database.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { startGateway } from './gateway.ts';

export interface WorldOptions {
  /** Of it, the world has a database of its own. */
  readonly postgres: RunningPostgres;
  readonly random: Random;
  /** The program of the orchestrator. */
  readonly entry: URL;
  readonly apiCount: number;
  readonly workerCount: number;
  /** By how much the clock of each worker is wrong, from the first one on. */
  readonly clockShiftsMs?: readonly number[];
  /** For every orchestrator, beside what the world sets. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Everything that a nemesis may break, and what it is judged by. */
export interface World extends Pick<Fleet, 'apis' | 'workers' | 'crashes'> {
  readonly random: Random;
  readonly postgres: RunningPostgres;
  readonly database: Database;
  readonly agents: Agents;
  readonly ledger: Ledger;
  close(): Promise<void>;
}

let worldCount = 0;

export async function startWorld(options: WorldOptions): Promise<World> {
  const { postgres, random, entry, clockShiftsMs = [] } = options;
  worldCount += 1;
  const databaseUrl = await postgres.createDatabase(`nemesis_${worldCount}`);
  const ledger = createLedger();
  const apis = toNames('api', options.apiCount);
  const workers = toNames('worker', options.workerCount);
  const agents = await startAgents([...apis, ...workers], { ledger, random });
  const gateway = await startGateway();
  const database = openDatabase(databaseUrl);
  const environment = { DATABASE_URL: databaseUrl, GATEWAY_URL: gateway.origin, ...options.environment };
  const fleet = await createFleet({ apis, workers, entry, clockShiftsMs, originOfAgent: agents.originOf, environment });

  async function close(): Promise<void> {
    await fleet.close();
    await agents.close();
    await gateway.close();
    await database.close();
  }

  await fleet.start().catch(async (thrown: unknown) => {
    await close();
    throw thrown;
  });
  return { ...fleet, random, postgres, database, agents, ledger, close };
}

function toNames(role: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${role}-${index + 1}`);
}
