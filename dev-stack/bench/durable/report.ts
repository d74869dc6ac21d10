import { renderTable, showSpread } from '../table.ts';
import { PAYERS } from './account.ts';
import { ANSWERS, type AnswerKind, INSTANT_TOKENS, PACE_MS, PACED_TOKENS } from './answers.ts';
import { CONCURRENCY } from './completions.ts';
import type { CompletionResult, DurableResult, QueueResult } from './measure.ts';
import { MAX_CONNECTIONS } from './raw-sql.ts';
import { ENTRANCES } from './start-stack.ts';

const TITLES: Readonly<Record<AnswerKind, string>> = {
  instant: `Time to the first token, ${CONCURRENCY} streams that end at once, closed loop`,
  paced: `Time to the first token, ${CONCURRENCY} streams of ${PACED_TOKENS} tokens, ${PACE_MS} ms apart`,
};

export function renderReport({ completions, limitsRatio, firstToken, queue }: DurableResult): readonly string[] {
  return [
    'durable completions, in alternating rounds',
    'Whole path: client → gateway in raw workerd → orchestrator → agent → model, runs in PostgreSQL that waits for its disk; a process each, logs on.',
    `The model answers at once, ${INSTANT_TOKENS} tokens. No planner is asked. Each answer was checked to be a completed run.`,
    `Raw SQL: two statements by hand in the client's process. Both have ${MAX_CONNECTIONS} connections. Ratios: median of paired rounds (smallest – largest).`,
    '',
    ...renderCompletions(completions),
    `With limits: five of the tenant and five of a token, all clients under the same ones; against the orchestrator alone ${showSpread(limitsRatio, 2)}.`,
    '',
    ...renderCpuTimes(completions),
    '',
    ...ANSWERS.flatMap((kind) => [...renderFirstToken(TITLES[kind], firstToken[kind]), '']),
    ...renderQueue(queue),
  ];
}

function renderCompletions(results: DurableResult['completions']): readonly string[] {
  const rows = Object.entries(results).map(([name, { perSecond, ratio, walBytes }]) => [
    name,
    showSpread(perSecond, 0),
    showSpread(ratio, 2),
    `${(walBytes / 1_024).toFixed(1)} KiB`,
  ]);
  return renderTable([[`Durable completions, ${CONCURRENCY} clients, closed loop`, 'a second', 'ratio to raw SQL', 'WAL each'], ...rows]);
}

function renderCpuTimes(results: DurableResult['completions']): readonly string[] {
  const rows = Object.entries(results).flatMap(([name, { cpuMs }]) => (cpuMs === undefined ? [] : [[name, ...showCpuTimes(cpuMs)]]));
  return rows.length === 0 ? [] : renderTable([['CPU time each, ms', ...PAYERS, 'all'], ...rows]);
}

function showCpuTimes(cpuMs: NonNullable<CompletionResult['cpuMs']>): readonly string[] {
  const times = PAYERS.map((payer) => cpuMs[payer]);
  const all = times.reduce((sum, time) => sum + time, 0);
  return [...times, all].map((time) => time.toFixed(2));
}

function renderFirstToken(title: string, results: DurableResult['firstToken'][AnswerKind]): readonly string[] {
  const rows = ENTRANCES.map((entrance) => {
    const { p50Ms, p99Ms, streams } = results[entrance];
    return [entrance, `${p50Ms.toFixed(1)} ms`, `${p99Ms.toFixed(1)} ms`, String(streams)];
  });
  return renderTable([[title, 'p50', 'p99', 'streams'], ...rows]);
}

function renderQueue({ perSecond, ratio, start }: QueueResult): readonly string[] {
  const { ratePerSecond, p50Ms, p99Ms } = start;
  return [
    ...renderTable([
      [`Queue, ${CONCURRENCY} producers, in this process`, 'a second', 'ratio to raw pg-boss'],
      ['raw pg-boss: send, fetch, complete', showSpread(perSecond['raw pg-boss'], 0), showSpread({ median: 1, min: 1, max: 1 }, 2)],
      ['runs: admit, claim, finish', showSpread(perSecond['queue of runs'], 0), showSpread(ratio, 2)],
    ]),
    `From admission to the beginning of its work, at ${ratePerSecond.toFixed(0)} runs a second, open loop: p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms.`,
  ];
}
