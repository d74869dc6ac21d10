import { setTimeout as pause } from 'node:timers/promises';
import { RunResource } from '@rubot/contracts/runs';
import { percentile } from '../../bench/statistics.ts';
import type { RunEvidence } from '../check/evidence.ts';
import { judge } from '../check/judge.ts';
import { postRun, toWantedRun, type WantedRun } from '../load/run-request.ts';
import { settle } from '../load/settle.ts';
import { type Nemesis, withWorld } from '../nemesis.ts';
import { toHopHeaders } from '../world/hop.ts';
import { SHORT_LEASE } from '../world/lease.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 4, pieces: 2, stepMs: 120, toolMs: 40 };
const CLIENTS = 16;
const WORKERS = 2;
/** So late that some runs have ended before. */
const LATEST_CANCEL_MS = 1_500;
const MOST_MS = 2_000;
/** Another process has to notice first that nobody wants the run any more. */
const LAST_CALL_MS = 3_000;

export const cancels: Nemesis<{ readonly cancels: number }> = {
  name: 'cancels',
  promise: 'What is cancelled stays as it was when that was said: nothing is written any more, and nothing is asked of a model.',
  short: { cancels: 24 },
  long: { cancels: 1_000 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 2, workerCount: WORKERS, environment: SHORT_LEASE }, async (world) => {
      const results: CancelResult[] = [];
      let started = 0;

      async function client(): Promise<void> {
        while (started < counts.cancels) {
          const wanted = toWantedRun(started, TASK);
          started += 1;
          results.push(await startAndCancel(world, wanted));
          arena.onProgress(results.length, counts.cancels);
        }
      }

      await Promise.all(Array.from({ length: CLIENTS }, client));
      const settled = await settle(world);
      const cancelled = new Map(results.flatMap((result) => (result.lastSeq === undefined ? [] : [[result.runId, result] as const])));
      const { violations, evidence, figures } = await judge(world, {
        accepted: new Set(results.map(({ runId }) => runId)),
        cancelled: new Set(cancelled.keys()),
        settled,
        leastCompleted: 0,
      });
      const p99Ms = percentile(
        results.map(({ tookMs }) => tookMs),
        99,
      );
      return {
        violations: [
          ...violations,
          ...evidence.flatMap((one) => findLateWork(one, cancelled.get(one.run.run_id))),
          ...(cancelled.size < counts.cancels / 3 ? [`only ${cancelled.size} runs could be cancelled`] : []),
          ...(p99Ms > MOST_MS ? [`p99 of the time to cancel is ${p99Ms.toFixed(0)} ms`] : []),
        ],
        figures: {
          ...figures,
          cancelled: cancelled.size,
          'had ended before': results.length - cancelled.size,
          p99: `${p99Ms.toFixed(0)} ms`,
        },
      };
    });
  },
};

interface CancelResult {
  readonly runId: string;
  /** The newest event when the cancellation was acknowledged; nothing where the run had ended before. */
  readonly lastSeq: number | undefined;
  readonly atMs: number;
  readonly tookMs: number;
}

async function startAndCancel({ apis, random }: World, wanted: WantedRun): Promise<CancelResult> {
  const acceptance = await postRun(random.pick(apis).url, wanted);
  if (acceptance !== 'accepted') throw new Error(`a run was not accepted: ${acceptance}`);
  await pause(random.between(0, LATEST_CANCEL_MS));
  const startedMs = performance.now();
  const response = await fetch(`${random.pick(apis).url}/v1/runs/${wanted.runId}/cancel`, {
    method: 'POST',
    headers: toHopHeaders(wanted),
  });
  const body: unknown = await response.json();
  const atMs = performance.now();
  if (response.status !== 200 && response.status !== 409) throw new Error(`a cancellation was answered with ${response.status}`);
  const lastSeq = response.status === 200 ? RunResource.parse(body).last_seq : undefined;
  return { runId: wanted.runId, lastSeq, atMs, tookMs: atMs - startedMs };
}

function findLateWork({ run, modelCalls }: RunEvidence, cancel: CancelResult | undefined): readonly string[] {
  if (cancel === undefined) return [];
  const late = modelCalls.filter(({ atMs }) => atMs > cancel.atMs + LAST_CALL_MS);
  return [
    ...(run.last_seq === cancel.lastSeq ? [] : [`${run.run_id} was cancelled at event ${cancel.lastSeq}, and has ${run.last_seq}`]),
    ...(late.length === 0 ? [] : [`${run.run_id} asked the model ${late.length} times long after it was cancelled`]),
  ];
}
