import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';
import type { ErrorCode } from '@rubot/contracts/error';
import { PRIORITIES, type Priority } from '@rubot/contracts/runs';
import type { Registry } from 'prom-client';
import { LIMIT_KINDS, LIMIT_OWNERS, type LimitKind, type LimitOwner } from '../limits/limit-kinds.ts';
import type { RunOutcome, SweepReport } from '../runs/run-store.ts';
import { createRunInstruments } from './run-instruments.ts';

/** Whether the words of an answer come from the work on it, or from what was written down of it. */
export const ANSWER_PATHS = ['in_place', 'from_events'] as const;
export type AnswerPath = (typeof ANSWER_PATHS)[number];

/** What happens to runs in this process. */
export interface RunMetrics {
  accepted(slotType: SlotType, entry: 'begun' | 'queued'): void;
  refused(code: ErrorCode): void;
  /** Refused, as this limit has no room. */
  limited(code: ErrorCode, limit: { readonly kind: LimitKind; readonly owner: LimitOwner }): void;
  /** Taken out of the queue. */
  claimed(slotType: SlotType, priority: Priority, waitedSeconds: number): void;
  /** An attempt is over, and gives its slot back. */
  worked(slotType: SlotType, heldSeconds: number): void;
  /** @param sinceAcceptedSeconds of a run that was worked on to its end */
  ended(status: RunOutcome['status'], sinceAcceptedSeconds?: number): void;
  retried(): void;
  swept(report: SweepReport): void;
  firstWords(path: AnswerPath, sinceRequestSeconds: number): void;
}

export function createRunMetrics(registry: Registry): RunMetrics {
  const instruments = createRunInstruments(registry);
  const { accepted, refused, limited, ended, retries, sweeps, swept, duration, held, waited, firstWords } = instruments;
  beginAtZero(instruments);

  return {
    accepted: (slotType, entry) => accepted.inc({ slot_type: slotType, entry }),
    refused: (code) => refused.inc({ code }),
    limited(code, { kind, owner }) {
      refused.inc({ code });
      limited.inc({ kind, owner });
    },
    claimed: (slotType, priority, seconds) => waited.observe({ slot_type: slotType, priority }, seconds),
    worked: (slotType, seconds) => held.observe({ slot_type: slotType }, seconds),
    ended(status, seconds) {
      ended.inc({ status });
      if (seconds !== undefined) duration.observe({ status }, seconds);
    },
    retried: () => retries.inc(),
    swept({ requeued, buried }) {
      sweeps.inc();
      swept.inc({ outcome: 'requeued' }, requeued.length);
      swept.inc({ outcome: 'buried' }, buried.length);
      ended.inc({ status: 'failed' }, buried.length);
    },
    firstWords: (path, seconds) => firstWords.observe({ path }, seconds),
  };
}

const OUTCOMES: readonly RunOutcome['status'][] = ['completed', 'partial', 'failed', 'cancelled'];

/** What has not happened yet is 0 and not absent, so that its first time is a rise. */
function beginAtZero({
  accepted,
  refused,
  limited,
  ended,
  swept,
  held,
  waited,
  firstWords,
}: ReturnType<typeof createRunInstruments>): void {
  for (const status of OUTCOMES) ended.inc({ status }, 0);
  for (const outcome of ['requeued', 'buried']) swept.inc({ outcome }, 0);
  for (const path of ANSWER_PATHS) firstWords.zero({ path });
  for (const type of SLOT_TYPES) {
    for (const entry of ['begun', 'queued']) accepted.inc({ slot_type: type, entry }, 0);
    for (const priority of PRIORITIES) waited.zero({ slot_type: type, priority });
    held.zero({ slot_type: type });
  }
  for (const code of ['rate_limited', 'insufficient_quota']) refused.inc({ code }, 0);
  for (const kind of LIMIT_KINDS) for (const owner of LIMIT_OWNERS) limited.inc({ kind, owner }, 0);
}
