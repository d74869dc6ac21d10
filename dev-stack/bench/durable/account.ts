import pg from 'pg';
import { readCpuTimeMs, readFamilyCpuTimeMs } from '../measures/cpu-time.ts';
import { PROCESSES, type ProcessName } from './start-stack.ts';

export const PAYERS = [...PROCESSES, 'client'] as const;
/** Whose CPU time a completion costs; the client is this process, which makes the load. */
export type Payer = (typeof PAYERS)[number];

/** What one completion has cost. */
export interface Cost {
  readonly cpuMs: Readonly<Record<Payer, number>> | undefined;
  /** What PostgreSQL wrote ahead for it. */
  readonly walBytes: number;
}

export interface Account {
  /** What something has cost, by the completions that came of it. */
  charge<Result extends { readonly count: number }>(work: () => Promise<Result>): Promise<Result & { readonly cost: Cost }>;
  close(): Promise<void>;
}

export function openAccount(databaseUrl: string, processIds: Readonly<Record<ProcessName, number>>): Account {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, idleTimeoutMillis: 0 });

  async function readWalBytes(): Promise<number> {
    const { rows } = await pool.query<{ bytes: string }>("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn AS bytes");
    return Number(rows[0]?.bytes);
  }

  return {
    async charge(work) {
      const [cpuBefore, walBefore] = [await readCpuTimes(processIds), await readWalBytes()];
      const result = await work();
      const [cpuAfter, walAfter] = [await readCpuTimes(processIds), await readWalBytes()];
      const cpuMs = cpuBefore && cpuAfter && divideDifferences(cpuBefore, cpuAfter, result.count);
      return { ...result, cost: { cpuMs, walBytes: (walAfter - walBefore) / result.count } };
    },
    close: () => pool.end(),
  };
}

type CpuTimes = Readonly<Record<Payer, number>>;

async function readCpuTimes({ PostgreSQL, ...others }: Readonly<Record<ProcessName, number>>): Promise<CpuTimes | undefined> {
  const entries = await Promise.all([
    ...Object.entries({ ...others, client: process.pid }).map(async ([name, id]) => [name, await readCpuTimeMs(id)] as const),
    readFamilyCpuTimeMs(PostgreSQL).then((time) => ['PostgreSQL', time] as const),
  ]);
  return entries.some(([, time]) => time === undefined) ? undefined : (Object.fromEntries(entries) as CpuTimes);
}

function divideDifferences(before: CpuTimes, after: CpuTimes, count: number): CpuTimes {
  return Object.fromEntries(PAYERS.map((payer) => [payer, (after[payer] - before[payer]) / count])) as CpuTimes;
}
