import type { Limits } from '@rubot/contracts/limits';

export type LimitKind = keyof Limits;

/** Who is limited. */
export const LIMIT_OWNERS = ['token', 'tenant', 'global'] as const;
export type LimitOwner = (typeof LIMIT_OWNERS)[number];

/** How what counts for a limit ceases to count: it slides out within a minute, goes at midnight UTC, or is given back. */
export type Period = 'minute' | 'day' | 'month' | 'open';

const PERIODS: Readonly<Record<LimitKind, Period>> = {
  requests_per_minute: 'minute',
  tokens_per_minute: 'minute',
  concurrent_runs: 'open',
  usd_per_day: 'day',
  usd_per_month: 'month',
};

export const LIMIT_KINDS = Object.keys(PERIODS) as readonly LimitKind[];

export function periodOf(kind: LimitKind): Period {
  return PERIODS[kind];
}

export function isMoney(kind: LimitKind): boolean {
  return kind === 'usd_per_day' || kind === 'usd_per_month';
}
