import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import { type ClosedLoop, measureClosedLoop } from '../measures/closed-loop.ts';
import { CONCURRENCY } from './completions.ts';
import { MAX_CONNECTIONS } from './raw-sql.ts';

export interface RawQueue {
  /** Jobs from `send` to `complete`: the producers send one at a time each, one consumer takes what there is. */
  measure(turnMs: number): Promise<ClosedLoop>;
  close(): Promise<void>;
}

const QUEUE = 'bench';
const BATCH_SIZE = 50;
const LOOK_AGAIN_MS = 2;

/** pg-boss as its users have it. */
export async function openRawQueue(databaseUrl: string): Promise<RawQueue> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: MAX_CONNECTIONS, schedule: false });
  let isClosing = false;
  // Its connections outlive its end by a moment, in which the database may go.
  boss.on('error', (error) => isClosing || process.stderr.write(`pg-boss: ${error.message}\n`));
  await boss.start();
  await boss.createQueue(QUEUE);

  async function consume(isOver: () => boolean): Promise<number> {
    let count = 0;
    for (;;) {
      // Asked before the look: what was sent until then is found by it.
      const last = isOver();
      const jobs = await boss.fetch(QUEUE, { batchSize: BATCH_SIZE });
      if (jobs.length > 0)
        await boss.complete(
          QUEUE,
          jobs.map(({ id }) => id),
        );
      else if (last) return count;
      else await sleep(LOOK_AGAIN_MS);
      count += jobs.length;
    }
  }

  return {
    async measure(turnMs) {
      const startMs = performance.now();
      let isOver = false;
      const consumed = consume(() => isOver);
      const sent = await measureClosedLoop({
        concurrency: CONCURRENCY,
        turnMs,
        async work() {
          await boss.send(QUEUE, { run_id: 'run_0199a3c4d5e67f8091a2b3c4d5e6f708' });
        },
      });
      isOver = true;
      const count = await consumed;
      if (count !== sent.count) throw new Error(`${sent.count} jobs were sent and ${count} done`);
      return { count, perSecond: (count * 1_000) / (performance.now() - startMs) };
    },
    async close() {
      isClosing = true;
      await boss.stop({ graceful: false });
    },
  };
}
