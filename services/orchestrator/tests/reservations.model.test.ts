import { randomInt } from 'node:crypto';
import { newRunId } from '@rubot/http/run-id';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PricesJson } from '../src/limits/prices.ts';
import type { RunWriter } from '../src/runs/run-store.ts';
import { type DatabaseOfTest, openTestDatabase } from './_database.ts';
import { countReservations, type LimitedProcess, NOON, openLimits, readKept, toDemand, toLimitedRun } from './_limits.ts';

const SEQUENCES = Number(process.env['RESERVATION_SEQUENCES'] ?? 120);
const SEED = Number(process.env['FAST_CHECK_SEED'] ?? randomInt(2 ** 31));
const OWNER = { tenantId: 'acme', senderId: '+15550100' };
const MAX_OPEN = 4;
const MAX_NANO_USD = 100_000;
/** One token costs a thousand of it. */
const PRICES = PricesJson.parse('{"*":{"input":1,"output":1}}');
const NANO_USD_PER_TOKEN = 1_000;

/** A run as it should stand: what it was let in for, and what it has used in the end. */
interface ModelRun {
  readonly id: string;
  readonly reserved: number;
  readonly reservedAtMs: number;
  state: 'reserved' | 'running' | 'ended' | 'settled';
  used: number;
  writer?: RunWriter;
}

const STEPS = ['reserve', 'admit', 'finish', 'cancel', 'settle', 'release', 'sweep', 'wait', 'race'] as const;
const step = fc.record({
  what: fc.constantFrom(...STEPS, 'reserve' as const, 'admit' as const, 'finish' as const),
  index: fc.nat(20),
  tokens: fc.integer({ min: 0, max: 40 }),
  /** Whether whoever does it lives long enough to settle it. */
  survives: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;
type Tally = Map<string, number>;

class World {
  readonly #database: DatabaseOfTest;
  readonly #living: LimitedProcess;
  readonly #dying: LimitedProcess;
  readonly #advance: (ms: number) => number;
  readonly #runs: ModelRun[] = [];

  constructor(database: DatabaseOfTest, processes: readonly [LimitedProcess, LimitedProcess], advance: (ms: number) => number) {
    this.#database = database;
    [this.#living, this.#dying] = processes;
    this.#advance = advance;
  }

  /** @returns what came of it, for the tally; undefined where there was nothing to do it to */
  async take({ what, index, tokens, survives }: Step): Promise<string | undefined> {
    const { reservations } = this.#living;
    if (what === 'reserve') return this.#reserve(tokens);
    if (what === 'wait') {
      this.#advance((index % 3) * 30_000);
      return 'done';
    }
    if (what === 'sweep') return this.#sweep();
    const run = this.#pick(what, index);
    if (run === undefined) return undefined;
    if (what === 'admit') return this.#admit(run);
    if (what === 'finish') return this.#end(run, tokens, survives);
    if (what === 'cancel') return this.#cancel(run, survives);
    if (what === 'race') return this.#race(run, tokens);
    if (what === 'release') await reservations.release(run.id);
    else await reservations.settle(run.id);
    if (what === 'release') Object.assign(run, { state: 'settled', used: 0 });
    else if (run.state === 'ended') run.state = 'settled';
    return run.state;
  }

  async assertAsModelled(): Promise<void> {
    const held = this.#runs.filter(({ state }) => state !== 'settled');
    const spent = this.#runs.reduce((sum, { state, reserved, used }) => sum + (state === 'settled' ? used : reserved), 0);
    const kept = await readKept(this.#database);
    expect(kept['tenant:acme concurrent_runs']?.used ?? 0, 'open').toBe(held.length);
    expect(kept['tenant:acme usd_per_month']?.used ?? 0, 'spent').toBe(spent);
    expect(await countReservations(this.#database)).toBe(held.length);
  }

  /** Whatever was left in the middle: time and the sweeper make good for it. */
  async assertNothingLeaks(): Promise<void> {
    for (const run of this.#runs) if (run.state === 'running') await this.#end(run, 1, false);
    this.#advance(61_000);
    await this.#living.reservations.sweep(1_000);
    for (const run of this.#runs) if (run.state === 'reserved') Object.assign(run, { state: 'settled', used: 0 });
    for (const run of this.#runs) run.state = 'settled';
    await this.assertAsModelled();
  }

  #pick(what: Step['what'], index: number): ModelRun | undefined {
    const meant = this.#runs.filter(({ state }) => {
      if (what === 'admit' || what === 'release') return state === 'reserved';
      return what === 'settle' ? state !== 'reserved' : state === 'running';
    });
    return meant[index % Math.max(1, meant.length)];
  }

  async #reserve(tokens: number): Promise<string> {
    const run: ModelRun = {
      id: newRunId(),
      reserved: tokens * NANO_USD_PER_TOKEN,
      reservedAtMs: this.#advance(0),
      state: 'reserved',
      used: 0,
    };
    const demands = [toDemand('concurrent_runs', MAX_OPEN), toDemand('usd_per_month', MAX_NANO_USD, run.reserved)];
    const open = this.#runs.filter(({ state }) => state !== 'settled').length;
    const spent = this.#runs.reduce((sum, { state, reserved, used }) => sum + (state === 'settled' ? used : reserved), 0);
    const { refusals } = await this.#living.reservations.reserve({ runId: run.id, demands });
    expect(refusals.length === 0, 'has room').toBe(open < MAX_OPEN && spent + run.reserved <= MAX_NANO_USD);
    if (refusals.length > 0) return 'refused';
    this.#runs.push(run);
    return 'granted';
  }

  async #admit(run: ModelRun): Promise<string> {
    const admitted = await this.#living.runs.admit({
      run: toLimitedRun(run.id),
      mayBegin: true,
      idempotency: undefined,
      session: undefined,
    });
    if (admitted.status !== 'begun') throw new Error(admitted.status);
    Object.assign(run, { state: 'running', writer: admitted.writer });
    return 'begun';
  }

  async #end(run: ModelRun, tokens: number, survives: boolean): Promise<string> {
    const usage = { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens };
    const outcome = { status: 'completed', slices: [], usage, spendings: [{ by: 'tables', usage }], error: undefined } as const;
    const writer = survives ? run.writer : await this.#asDying(run);
    await writer?.finish(outcome, [{ type: 'end', data: { status: 'completed' } }]);
    Object.assign(run, { state: survives ? 'settled' : 'ended', used: tokens * NANO_USD_PER_TOKEN });
    return survives ? 'settled' : 'left';
  }

  /** The same run, taken over by the process that settles nothing. */
  async #asDying(run: ModelRun): Promise<RunWriter | undefined> {
    await this.#living.runs.handBack(run.writer === undefined ? [] : [run.writer]);
    const claimed = await this.#dying.runs.claimQueued('cpu', 100);
    for (const { runId, writer } of claimed) Object.assign(this.#runs.find(({ id }) => id === runId) ?? {}, { writer });
    return run.writer;
  }

  async #cancel(run: ModelRun, survives: boolean): Promise<string> {
    const { runs } = survives ? this.#living : this.#dying;
    await runs.cancel(run.id, OWNER, undefined);
    Object.assign(run, { state: survives ? 'settled' : 'ended', used: 0 });
    return survives ? 'settled' : 'left';
  }

  async #sweep(): Promise<string> {
    const nowMs = this.#advance(0);
    const due = this.#runs.filter(
      ({ state, reservedAtMs }) => state === 'ended' || (state === 'reserved' && nowMs - reservedAtMs > 60_000),
    );
    const swept = await Promise.all([this.#living, this.#dying].map(({ reservations }) => reservations.sweep(100)));
    expect(swept.reduce((sum, count) => sum + count, 0)).toBe(due.length);
    for (const run of due) Object.assign(run, { used: run.state === 'reserved' ? 0 : run.used, state: 'settled' });
    return due.length > 0 ? 'some' : 'none';
  }

  /** Its end, its cancellation and all who settle, in one moment. */
  async #race(run: ModelRun, tokens: number): Promise<string> {
    const usage = { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens };
    const outcome = { status: 'completed', slices: [], usage, spendings: [{ by: 'tables', usage }], error: undefined } as const;
    const [finished] = await Promise.allSettled([
      run.writer?.finish(outcome, [{ type: 'end', data: { status: 'completed' } }]),
      this.#living.runs.cancel(run.id, OWNER, undefined),
      this.#living.reservations.settle(run.id),
      this.#dying.reservations.settle(run.id),
    ]);
    await this.#living.reservations.settle(run.id);
    const isFinished = finished.status === 'fulfilled';
    Object.assign(run, { state: 'settled', used: isFinished ? tokens * NANO_USD_PER_TOKEN : 0 });
    return isFinished ? 'finished' : 'cancelled';
  }
}

/** So often at least, of a hundred sequences. */
const LEAST_PER_HUNDRED: Readonly<Record<string, number>> = {
  'reserve: granted': 200,
  'reserve: refused': 8,
  'admit: begun': 80,
  'finish: settled': 10,
  'finish: left': 20,
  'cancel: left': 3,
  'race: finished': 3,
  'sweep: some': 8,
  'release: settled': 30,
};

describe('reservations', () => {
  it(
    'hold what their model says, whatever dies between two steps, and nothing of them is left in the end',
    async () => {
      process.stdout.write(`reservations against their model: seed ${SEED}, ${SEQUENCES} sequences\n`);
      const database = await openTestDatabase();
      let nowMs = NOON;
      const options = { now: () => nowMs, prices: PRICES };
      const processes = [await openLimits(database, options), await openLimits(database, { ...options, settles: false })] as const;
      const tally: Tally = new Map();
      const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        await database.query('TRUNCATE limit_counters, reservations, runs, run_events, run_steps, pgboss.job');
        const world = new World(database, processes, (ms) => {
          nowMs += ms;
          return nowMs;
        });
        for (const one of steps) {
          const came = await world.take(one);
          if (came === undefined) continue;
          tally.set(`${one.what}: ${came}`, (tally.get(`${one.what}: ${came}`) ?? 0) + 1);
          await world.assertAsModelled();
        }
        await world.assertNothingLeaks();
      });
      await fc.assert(property, { seed: SEED, numRuns: SEQUENCES });
      process.stdout.write(
        `${[...tally]
          .sort()
          .map(([came, times]) => `${came} ${times}`)
          .join('; ')}\n`,
      );
      for (const [came, least] of Object.entries(LEAST_PER_HUNDRED)) {
        expect(tally.get(came) ?? 0, came).toBeGreaterThanOrEqual(Math.floor((least * SEQUENCES) / 100));
      }
    },
    60_000 + SEQUENCES * 2_000,
  );
});
