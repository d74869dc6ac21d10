import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

/** The tables as they stand. A look at them waits for a database that is down. */
export interface Database {
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  close(): Promise<void>;
}

const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;

export function openDatabase(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 2_000 });
  // An idle connection that breaks with its server is replaced at the next look.
  pool.on('error', () => {});

  async function query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const giveUpAtMs = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const { rows } = await pool.query(text, [...values]);
        return rows as Row[];
      } catch (thrown) {
        if (!isOutage(thrown) || Date.now() > giveUpAtMs) throw thrown;
        await pause(PAUSE_MS);
      }
    }
  }

  return { query, close: () => pool.end() };
}

/** What pg says of a connection has no SQLSTATE; 57P0x are a server that goes or comes. */
function isOutage(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const code = 'code' in thrown ? String(thrown.code) : '';
  return !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P') || code.startsWith('08');
}
