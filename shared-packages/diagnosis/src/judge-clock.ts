import type { Finding } from '@rubot/contracts/diagnosis';
import { type Looked, ok, problem, warning } from './finding.ts';

/** What a bearer's verifier forgives; beyond, one is refused as issued in the future, or expired. */
const TOLERATED_MS = 5_000;
const NOTEWORTHY_MS = 2_000;

/** When the question was sent and the answer read by one clock, and what the other clock showed in between. */
export interface ClockReading {
  readonly sentAtMs: number;
  readonly readAtMs: number;
  readonly theirsMs: number;
}

/** By how much the clocks differ for certain: what the way of the message explains is not counted. Positive: theirs is ahead. */
function driftOf({ sentAtMs, readAtMs, theirsMs }: ClockReading): number {
  if (theirsMs < sentAtMs) return theirsMs - sentAtMs;
  return Math.max(0, theirsMs - readAtMs);
}

export function judgeClock(subject: string, to: string, reading: ClockReading): Finding {
  const looked: Looked = { check: 'clock', subject };
  const driftMs = driftOf(reading);
  if (Math.abs(driftMs) <= NOTEWORTHY_MS) return ok(looked, 'the clocks agree');
  const seconds = (Math.abs(driftMs) / 1_000).toFixed(1);
  const message = `the clock of the ${to} is ${seconds} s ${driftMs > 0 ? 'ahead' : 'behind'}`;
  const remedy = 'Bearers are good for minutes, and clocks may differ by 5 s. Have both hosts keep time by NTP.';
  if (Math.abs(driftMs) <= TOLERATED_MS) return warning(looked, message, `Soon, bearers are refused. ${remedy}`);
  return problem(looked, message, `Bearers are refused as issued in the future, or end too early or too late. ${remedy}`);
}
