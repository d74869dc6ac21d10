import { setTimeout as pause } from 'node:timers/promises';
import type { Task } from '../agent/task.ts';
import { type EventRow, readEvidence } from '../check/evidence.ts';
import { judge } from '../check/judge.ts';
import { readPage, readStream } from '../load/read-events.ts';
import { postRun, toWantedRun, type WantedRun } from '../load/run-request.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { listWorkOf } from '../world/held-runs.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { Orchestrator } from '../world/orchestrator.ts';
import type { World } from '../world/start-world.ts';

/** Words that come within the same moment are one event: so far apart that they are not. */
const EVENT_MS = 70;
const RETRY_PAUSE_MS = 50;

export const resume: Nemesis<{ readonly events: number }> = {
  name: 'resume',
  promise:
    'A reader that comes back with a number, whichever, while the run is written and after, across the death of any process, misses nothing and reads nothing twice.',
  short: { events: 40 },
  long: { events: 500 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 2, workerCount: 2, environment: SHORT_LEASE }, async (world) => {
      const wanted = toWantedRun(0, toTask(counts.events));
      if ((await postRun(world.random.pick(world.apis).url, wanted)) !== 'accepted') throw new Error('the run was not accepted');
      const readers = READERS.map((reader) => readInPieces(world, wanted, reader));
      const kills = killOnTheWay(world, wanted, counts.events);
      const pieces = await Promise.all(readers);
      await kills;
      const settled = await settle(world);
      const [evidence] = await readEvidence(world);
      const written = evidence?.events ?? [];
      const late = await readFromEveryNumber(world, wanted, written.length);
      const { violations } = await judge(world, { accepted: new Set([wanted.runId]), leastCompleted: 1, settled });
      return {
        violations: [
          ...violations,
          ...pieces.flatMap(({ name, events }) => compare(name, events, written)),
          ...late.flatMap((events, afterSeq) => compare(`who came after the end with ${afterSeq}`, events, written.slice(afterSeq))),
          ...(written.length < counts.events ? [`only ${written.length} events were written`] : []),
        ],
        figures: {
          events: written.length,
          attempts: evidence?.run.attempt ?? 0,
          'connections while it was written': pieces.reduce((sum, { connections }) => sum + connections, 0),
          'connections after its end': late.length,
          'events read': [...pieces.map(({ events }) => events), ...late].reduce((sum, events) => sum + events.length, 0),
        },
      };
    });
  },
};

/** More pieces than events are wanted: on a busy machine some come together. */
function toTask(events: number): Task {
  const pieces = Math.ceil(events * 0.75);
  return { steps: 2, pieces, stepMs: pieces * EVENT_MS, toolMs: 0 };
}

interface Reader {
  readonly name: string;
  readonly read: typeof readStream;
  /** After so many events it leaves, and comes again. */
  readonly most: number;
}

const READERS: readonly Reader[] = [
  { name: 'who left after each event', read: readStream, most: 1 },
  { name: 'who left now and then', read: readStream, most: 8 },
  { name: 'who asked for pages', read: readPage, most: 8 },
];

interface Pieces extends Pick<Reader, 'name'> {
  readonly events: readonly EventRow[];
  readonly connections: number;
}

async function readInPieces(world: World, run: WantedRun, { name, read, most }: Reader): Promise<Pieces> {
  const events: EventRow[] = [];
  let connections = 0;
  while (events.at(-1)?.type !== 'end') {
    const { url } = world.random.pick(world.apis);
    const piece = await read({ url, run, afterSeq: events.at(-1)?.seq ?? 0, most: world.random.between(1, most) });
    connections += 1;
    events.push(...piece);
    if (piece.length === 0) await pause(RETRY_PAUSE_MS);
  }
  return { name, events, connections };
}

/** The worker that has the run at a third of it, and a process that readers hang on at two thirds. */
async function killOnTheWay(world: World, { runId }: WantedRun, events: number): Promise<void> {
  await untilSeq(world, runId, events / 3);
  const holder = await untilHeld(world);
  await holder.kill();
  await untilSeq(world, runId, (events * 2) / 3);
  const [api] = world.apis;
  await api?.kill();
  await Promise.all([holder.start(), api?.start()]);
}

async function untilHeld(world: World): Promise<Orchestrator> {
  for (;;) {
    for (const worker of world.workers) if ((await listWorkOf(world, worker.name)).length > 0) return worker;
    await pause(RETRY_PAUSE_MS);
  }
}

async function untilSeq({ database }: World, runId: string, seq: number): Promise<void> {
  for (;;) {
    const [run] = await database.query<{ last_seq: number }>('SELECT last_seq FROM runs WHERE run_id = $1', [runId]);
    if ((run?.last_seq ?? 0) >= seq) return;
    await pause(RETRY_PAUSE_MS);
  }
}

async function readFromEveryNumber(world: World, run: WantedRun, last: number): Promise<readonly (readonly EventRow[])[]> {
  const reads: (readonly EventRow[])[] = [];
  for (let afterSeq = 0; afterSeq < last; afterSeq += 1) {
    reads.push(await readStream({ url: world.random.pick(world.apis).url, run, afterSeq }));
  }
  return reads;
}

function compare(who: string, read: readonly EventRow[], written: readonly EventRow[]): readonly string[] {
  const wrong = written.findIndex((event, index) => !isSame(read[index], event));
  if (wrong !== -1) return [`${who} read ${describe(read[wrong])} where ${describe(written[wrong])} was written`];
  return read.length === written.length ? [] : [`${who} read ${read.length} events of ${written.length}`];
}

/** A reader gets more than is stored of a chunk: the envelope around it. */
function isSame(read: EventRow | undefined, written: EventRow): boolean {
  if (read === undefined || read.seq !== written.seq || read.type !== written.type) return false;
  return Object.entries(written.data).every(([name, value]) => JSON.stringify(read.data[name]) === JSON.stringify(value));
}

function describe(event: EventRow | undefined): string {
  return event === undefined ? 'nothing' : `${event.type} ${event.seq}`;
}
