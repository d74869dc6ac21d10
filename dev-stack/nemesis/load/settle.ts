import { setTimeout as pause } from 'node:timers/promises';
import { DeadLetterList, RedriveReport } from '@rubot/contracts/dead-letters';
import type { Database } from '../world/database.ts';
import { GATEWAY_KEY } from '../world/hop.ts';
import type { World } from '../world/start-world.ts';

export interface Settled {
  /** Runs that had not ended when the time was over: of them nobody takes care. */
  readonly stranded: number;
  /** Runs that had been given up, because processes had died under them time and again, and that an operator had tried once more. */
  readonly redriven: number;
  /** Why some could not be. */
  readonly refusals: readonly string[];
}

const TIMEOUT_MS = 60_000;
const PAUSE_MS = 100;
const PAGE = 100;

/** Waits for every run to end; has those that were given up tried again, now that nothing goes wrong any more, and waits for them. */
export async function settle(world: World, timeoutMs: number = TIMEOUT_MS): Promise<Settled> {
  const stranded = await untilEnded(world.database, timeoutMs);
  let redriven = 0;
  for (;;) {
    const runIds = await listDeadLetters(world);
    const refusals = await redrive(world, runIds);
    redriven += runIds.length - refusals.length;
    if (runIds.length === 0 || refusals.length > 0) return { stranded, redriven, refusals };
    await untilEnded(world.database, timeoutMs);
  }
}

/** Waits for every run, or for one. @returns how many were still open when the time was over */
export async function untilEnded(database: Database, timeoutMs: number, runId?: string): Promise<number> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const [row] = await database.query<{ open: number }>(
      'SELECT count(*)::integer AS open FROM runs WHERE finished_at IS NULL AND run_id = coalesce($1, run_id)',
      [runId],
    );
    const open = row?.open ?? 0;
    if (open === 0 || performance.now() > giveUpAtMs) return open;
    await pause(PAUSE_MS);
  }
}

async function listDeadLetters(world: World): Promise<readonly string[]> {
  const { data } = DeadLetterList.parse(await askAsOperator(world, `/admin/dead-letters?limit=${PAGE}`));
  return data.map(({ run_id }) => run_id);
}

async function redrive(world: World, runIds: readonly string[]): Promise<readonly string[]> {
  if (runIds.length === 0) return [];
  const { data } = RedriveReport.parse(await askAsOperator(world, '/admin/dead-letters/redrive', { run_ids: runIds }));
  return data
    .filter((one) => !one.redriven)
    .map((one) => `${one.run_id} could not be redriven: ${one.error?.message ?? 'no reason given'}`);
}

async function askAsOperator({ apis }: World, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${apis[0]?.url ?? ''}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${GATEWAY_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return await response.json();
}
