import { SLOT_TYPES } from '@rubot/contracts/agent';
import { PRIORITIES } from '@rubot/contracts/runs';
import { Gauge, type Registry } from 'prom-client';
import { type QueueFigures, WAITS_FOR, type WaitingRuns } from '../runs/postgres/queue-figures.ts';

/** `undefined` while the database does not answer: then there are no figures, and not those of before. */
export type ReadFigures = () => Promise<QueueFigures | undefined>;

/** How it stands with all runs. Every process tells the same: of several that are scraped, the largest value is the right one, not the sum. */
export function registerClusterGauges(registry: Registry, readFigures: ReadFigures): void {
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[],
    fill: (gauge: Gauge<Label>, figures: QueueFigures) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const figures = await readFigures();
        this.reset();
        if (figures !== undefined) fill(this, figures);
        else if (labelNames.length === 0) this.remove();
      },
    });

  gauge('rubot_queue_depth', 'Runs that wait for a slot.', ['slot_type', 'priority'], (depth, { waiting }) =>
    fillByClass(depth, waiting, ({ count }) => count),
  );
  gauge('rubot_queue_oldest_age_seconds', 'How long the first of them has waited.', ['slot_type', 'priority'], (age, { waiting }) =>
    fillByClass(age, waiting, ({ oldestAgeSeconds }) => oldestAgeSeconds),
  );
  gauge('rubot_runs_waiting', 'Runs that are worked on no further for now, by what they wait for.', ['reason'], (runs, { waiting }) => {
    for (const reason of WAITS_FOR) {
      runs.set({ reason }, sum(waiting.filter(({ waitsFor }) => waitsFor === reason)));
    }
  });
  gauge('rubot_dead_letters', 'Runs that were given up, and can be tried again by an operator.', [], (letters, { deadLetterCount }) =>
    letters.set(deadLetterCount),
  );
  gauge(
    'rubot_reservations',
    'Runs that hold something of their limits: they have not ended, or are not settled yet.',
    [],
    (held, { reservationCount }) => held.set(reservationCount),
  );
  gauge('rubot_workers', 'Processes that were heard of within a lease, by role.', ['role'], (workers, { workerCounts }) => {
    for (const [role, count] of workerCounts) workers.set({ role }, count);
  });
  new Gauge({
    name: 'rubot_database_up',
    help: '1 when the database answers this process, else 0.',
    registers: [registry],
    async collect() {
      this.set((await readFigures()) === undefined ? 0 : 1);
    },
  });
}

function fillByClass(gauge: Gauge<'slot_type' | 'priority'>, waiting: readonly WaitingRuns[], pick: (runs: WaitingRuns) => number): void {
  for (const type of SLOT_TYPES) for (const priority of PRIORITIES) gauge.set({ slot_type: type, priority }, 0);
  for (const runs of waiting) {
    if (runs.waitsFor === 'slot') gauge.set({ slot_type: runs.slotType, priority: runs.priority }, pick(runs));
  }
}

function sum(waiting: readonly WaitingRuns[]): number {
  return waiting.reduce((total, { count }) => total + count, 0);
}
