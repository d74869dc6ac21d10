import type { RateLimitHeader } from '@rubot/contracts/limits';
import type { Standing } from './decide.ts';
import type { LimitKind } from './limit-kinds.ts';

export type RateLimitHeaders = Readonly<Partial<Record<RateLimitHeader, string>>>;

/** Of each kind, the limit of which the least is left. */
export function toRateLimitHeaders(standings: readonly Standing[]): RateLimitHeaders {
  return { ...tell('requests', tightest(standings, 'requests_per_minute')), ...tell('tokens', tightest(standings, 'tokens_per_minute')) };
}

function tightest(standings: readonly Standing[], kind: LimitKind): Standing | undefined {
  return standings
    .filter(({ demand }) => demand.kind === kind)
    .toSorted((left, right) => left.remaining - right.remaining || left.demand.limit - right.demand.limit)[0];
}

function tell(unit: 'requests' | 'tokens', standing: Standing | undefined): RateLimitHeaders {
  if (standing === undefined) return {};
  return {
    [`x-ratelimit-limit-${unit}`]: String(standing.demand.limit),
    [`x-ratelimit-remaining-${unit}`]: String(standing.remaining),
    [`x-ratelimit-reset-${unit}`]: formatReset(standing.emptyInMs),
  };
}

/** As OpenAI writes durations: `120ms`, `1s`, `6m0s`. */
export function formatReset(durationMs: number): string {
  if (durationMs > 0 && durationMs < 1_000) return `${Math.ceil(durationMs)}ms`;
  const seconds = Math.ceil(durationMs / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
