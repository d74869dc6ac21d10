import { RubotError } from '@rubot/errors';
import { windowEndOf, windowStartOf } from './counter.ts';
import type { Refusal } from './decide.ts';
import type { Demand } from './demands.ts';
import { isMoney, type LimitKind, type LimitOwner, periodOf } from './limit-kinds.ts';
import { NANO_USD } from './prices.ts';

const NAMES: Readonly<Record<LimitOwner, string>> = { token: 'this API token', tenant: 'this tenant', global: 'this deployment' };
const RAISERS: Readonly<Record<LimitOwner, string>> = {
  token: 'whoever issued the token',
  tenant: 'the operator',
  global: 'the operator',
};

/** Nobody knows when a run ends; most take seconds. */
const OPEN_RETRY_AFTER_MS = 2_000;

/** The refusal that stays the longest says the most: what can never pass, then money, then the longest wait. */
export function pickRefusal(refusals: readonly Refusal[]): Refusal | undefined {
  return refusals.toSorted((left, right) => weightOf(right) - weightOf(left))[0];
}

function weightOf({ demand, roomInMs }: Refusal): number {
  if (roomInMs === undefined) return Number.POSITIVE_INFINITY;
  return isMoney(demand.kind) ? Number.MAX_VALUE : waitOf(roomInMs);
}

function waitOf(roomInMs: number): number {
  return Number.isFinite(roomInMs) ? roomInMs : OPEN_RETRY_AFTER_MS;
}

export function toLimitError(refusal: Refusal): RubotError {
  const { demand, roomInMs } = refusal;
  if (roomInMs === undefined) return neverFits(demand);
  if (isMoney(demand.kind)) return new RubotError('insufficient_quota', `${sayLimit(demand)} ${sayMoney(refusal)}`);
  const retryAfterMs = waitOf(roomInMs);
  return new RubotError('rate_limited', `${sayLimit(demand)} ${sayUse(refusal)} Try again in ${sayWait(retryAfterMs)}.`, { retryAfterMs });
}

function sayLimit({ owner, kind, limit }: Demand): string {
  const name = NAMES[owner];
  return `The limit ${kind} of ${name} is ${sayAmount(kind, limit)}.`;
}

function sayUse({ demand: { kind, owner, amount }, used }: Refusal): string {
  if (kind === 'requests_per_minute') return 'So many runs were begun within the last minute.';
  if (kind === 'concurrent_runs') return 'So many runs are open: they wait, are worked on, or wait for a person.';
  // How much others use of what all share is theirs to know.
  const taken = owner === 'global' ? '' : `${used} are used or reserved, and `;
  return `${taken}this request needs ${amount} by its estimate; with a smaller max_completion_tokens it needs fewer.`.replace(/^t/, 'T');
}

function sayMoney({ demand: { kind, owner, amount }, used, atMs }: Refusal): string {
  const period = periodOf(kind);
  const anew = new Date(windowEndOf(period, windowStartOf(period, atMs))).toISOString();
  const taken = owner === 'global' ? '' : `${sayAmount(kind, used)} are spent or reserved, and `;
  const sentence = `${taken}this run may cost ${sayAmount(kind, amount)}, which is more than is left.`.replace(/^t/, 'T');
  return `${sentence} The limit begins anew at ${anew}. Wait until then, or have it raised by ${RAISERS[owner]}.`;
}

function neverFits({ owner, kind, limit, amount }: Demand): RubotError {
  const name = NAMES[owner];
  const raise = `have the limit raised by ${RAISERS[owner]}`;
  if (limit === 0) {
    return new RubotError(
      isMoney(kind) ? 'insufficient_quota' : 'rate_limited',
      `The limit ${kind} of ${name} is 0: no run may be begun. Have it raised by ${RAISERS[owner]}.`,
      {
        retryable: false,
      },
    );
  }
  const needs = isMoney(kind) ? 'may cost' : 'needs';
  return new RubotError(
    isMoney(kind) ? 'insufficient_quota' : 'rate_limited',
    `This request ${needs} ${sayAmount(kind, amount)} by its estimate, and the limit ${kind} of ${name} can never hold more than ${sayAmount(kind, limit)}. Send less, ask for fewer tokens with max_completion_tokens, or ${raise}.`,
    { retryable: false },
  );
}

function sayAmount(kind: LimitKind, amount: number): string {
  // Cents and smaller, as far as they say anything.
  return isMoney(kind) ? `${Number((amount / NANO_USD).toPrecision(6))} USD` : String(amount);
}

function sayWait(waitMs: number): string {
  return `${Math.ceil(waitMs / 1_000)} s`;
}
