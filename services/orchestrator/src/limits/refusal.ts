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
  return `The limit ${kind} of ${NAMES[owner]} is ${sayAmount(kind, limit)}.`;
}

function sayUse({ demand: { kind, owner, amount }, used }: Refusal): string {
  if (kind === 'requests_per_minute') return 'So many runs were begun within the last minute.';
  if (kind === 'concurrent_runs') return 'So many runs are open: they wait, are worked on, or wait for a person.';
  const taken = isShared(owner) ? 'Not enough is left' : `${used} are used or reserved`;
  return `${taken}: this request needs ${amount} by its estimate; with a smaller max_completion_tokens it needs fewer.`;
}

function sayMoney({ demand: { kind, owner, amount }, used, atMs }: Refusal): string {
  const period = periodOf(kind);
  const anew = new Date(windowEndOf(period, windowStartOf(period, atMs))).toISOString();
  const taken = isShared(owner) ? 'Not enough is left' : `${sayAmount(kind, used)} are spent or reserved`;
  const need = `${taken}: this run may cost ${sayAmount(kind, amount)}.`;
  return `${need} The limit begins anew at ${anew}. Wait until then, or have it raised by ${RAISERS[owner]}.`;
}

/** How much others use of what all share is theirs to know. */
function isShared(owner: LimitOwner): boolean {
  return owner === 'global';
}

function neverFits(demand: Demand): RubotError {
  const words = demand.limit === 0 ? 'No run may be begun under it.' : sayTooLarge(demand);
  const code = isMoney(demand.kind) ? 'insufficient_quota' : 'rate_limited';
  return new RubotError(code, `${sayLimit(demand)} ${words} Have it raised by ${RAISERS[demand.owner]}.`, { retryable: false });
}

function sayTooLarge({ kind, amount }: Demand): string {
  const needs = isMoney(kind) ? 'may cost' : 'needs';
  return `This request ${needs} ${sayAmount(kind, amount)} by its estimate, more than it can ever hold. Send less, or ask for fewer tokens with max_completion_tokens.`;
}

/** Of money, fractions of a cent as far as they say anything. */
function sayAmount(kind: LimitKind, amount: number): string {
  return isMoney(kind) ? `${Number((amount / NANO_USD).toPrecision(6))} USD` : String(amount);
}

function sayWait(waitMs: number): string {
  return `${Math.ceil(waitMs / 1_000)} s`;
}
