import { describe, expect, it } from 'vitest';
import { EMPTY } from './counter.ts';
import { type Counters, decide, keyOf } from './decide.ts';
import { type AskedRun, type Demand, toDemands } from './demands.ts';
import { PricesJson } from './prices.ts';
import { formatReset, toRateLimitHeaders } from './rate-limit-headers.ts';
import { pickRefusal, toLimitError } from './refusal.ts';

const NOON = Date.UTC(2026, 10, 21, 12);
const TOKEN_ID = `tok_${'a1'.repeat(12)}`;

const ASKED: AskedRun = {
  tenantId: 'acme',
  callerLimits: {},
  globalLimits: {},
  estimate: () => ({ input: 100, output: 50 }),
  payees: ['tables'],
  prices: PricesJson.parse('{"*":{"input":1,"output":2}}'),
};

function demand(fields: Partial<Demand>): Demand {
  return { owner: 'tenant', scope: 'tenant:acme', kind: 'requests_per_minute', limit: 10, amount: 1, ...fields };
}

function countersOf(entries: readonly (readonly [Demand, number])[]): Counters {
  return new Map(entries.map(([key, used]) => [keyOf(key), { ...EMPTY, windowStartMs: NOON, used }]));
}

describe('what a run demands', () => {
  it('is nothing where nothing is limited, and the estimate is not made', () => {
    const estimate = () => expect.fail('an estimate costs time');
    expect(toDemands({ ...ASKED, callerLimits: { tenant: {}, token: { id: TOKEN_ID, limits: {} } }, estimate })).toEqual([]);
    expect(toDemands({ ...ASKED, callerLimits: { tenant: { concurrent_runs: 1 } }, estimate })).toHaveLength(1);
  });

  it('is of each limit of the token, the tenant and the deployment its own', () => {
    const callerLimits = {
      tenant: { tokens_per_minute: 900, usd_per_day: 0.5 },
      token: { id: TOKEN_ID, limits: { requests_per_minute: 3 } },
    };
    expect(toDemands({ ...ASKED, callerLimits, globalLimits: { concurrent_runs: 0 } })).toEqual([
      { owner: 'token', scope: `token:${TOKEN_ID}`, kind: 'requests_per_minute', limit: 3, amount: 1 },
      { owner: 'tenant', scope: 'tenant:acme', kind: 'tokens_per_minute', limit: 900, amount: 150 },
      { owner: 'tenant', scope: 'tenant:acme', kind: 'usd_per_day', limit: 500_000_000, amount: 200_000 },
      { owner: 'global', scope: 'global', kind: 'concurrent_runs', limit: 0, amount: 1 },
    ]);
  });
});

describe('a decision', () => {
  it('takes of all or of none', () => {
    const demands = [demand({}), demand({ kind: 'concurrent_runs', limit: 2 })];
    const [requests, open] = demands as [Demand, Demand];
    const counters = countersOf([
      [requests, 0],
      [open, 2],
    ]);
    expect(decide(demands, counters, NOON).refusals.map((refusal) => refusal.demand)).toEqual([open]);
    expect(counters.get(keyOf(requests))?.used).toBe(0);
    counters.set(keyOf(open), EMPTY);
    expect(decide(demands, counters, NOON).refusals).toEqual([]);
    expect([counters.get(keyOf(requests))?.used, counters.get(keyOf(open))?.used]).toEqual([1, 1]);
  });

  it('names of several refusals the one that stays the longest', () => {
    const minute = demand({});
    const money = demand({ kind: 'usd_per_day', limit: 100, amount: 60 });
    const never = demand({ kind: 'tokens_per_minute', limit: 100, amount: 101 });
    const open = demand({ kind: 'concurrent_runs', limit: 1 });
    const all = [open, minute, money, never];
    const counters = countersOf(all.map((one) => [one, one.limit]));
    const pick = (demands: readonly Demand[]) => pickRefusal(decide(demands, counters, NOON).refusals)?.demand;
    expect([pick(all), pick([open, minute, money]), pick([open, minute]), pick([open])]).toEqual([never, money, minute, open]);
    expect(pick([])).toBeUndefined();
  });
});

describe('the words of a refusal', () => {
  function wordsOf(asked: Demand, used: number) {
    const refusal = pickRefusal(decide([asked], countersOf([[asked, used]]), NOON).refusals);
    if (refusal === undefined) throw new Error('it was granted');
    const { code, message, retryable, retryAfterMs } = toLimitError(refusal);
    return { code, message, retryable, retryAfterMs };
  }

  it('say whose limit it is, what is missing and when to come again', () => {
    expect(wordsOf(demand({ kind: 'tokens_per_minute', limit: 100, amount: 40, owner: 'token' }), 90)).toEqual({
      code: 'rate_limited',
      message:
        'The limit tokens_per_minute of this API token is 100. 90 are used or reserved: this request needs 40 by its estimate; with a smaller max_completion_tokens it needs fewer. Try again in 80 s.',
      retryable: true,
      retryAfterMs: 80_000,
    });
    expect(wordsOf(demand({ kind: 'concurrent_runs', limit: 1 }), 1)).toMatchObject({ retryable: true, retryAfterMs: 2_000 });
  });

  it('keep to themselves what others use of what all share', () => {
    for (const kind of ['tokens_per_minute', 'usd_per_day'] as const) {
      expect(wordsOf(demand({ kind, owner: 'global', limit: 1_000_000_000, amount: 400_000_000 }), 777_000_000).message).not.toContain(
        '777',
      );
    }
  });

  it('say of what can never be that it cannot, and ask for no retry', () => {
    expect(wordsOf(demand({ limit: 0 }), 0)).toEqual({
      code: 'rate_limited',
      message: 'The limit requests_per_minute of this tenant is 0. No run may be begun under it. Have it raised by the operator.',
      retryable: false,
      retryAfterMs: undefined,
    });
    expect(wordsOf(demand({ kind: 'usd_per_month', limit: 1_000_000, amount: 2_000_000, owner: 'token' }), 0)).toMatchObject({
      code: 'insufficient_quota',
      message: expect.stringMatching(
        /^The limit usd_per_month of this API token is 0\.001 USD\. This request may cost 0\.002 USD by its estimate, more than it can ever hold\..*whoever issued the token\.$/,
      ),
      retryable: false,
    });
  });
});

describe('x-ratelimit-*', () => {
  it('tell of the limit of which the least is left', () => {
    const [wide, tight] = [demand({ limit: 100 }), demand({ scope: 'token:t', owner: 'token', limit: 9, amount: 1 })];
    const tokens = demand({ kind: 'tokens_per_minute', limit: 500, amount: 20 });
    const counters = countersOf([
      [wide, 95],
      [tight, 2],
      [tokens, 0],
    ]);
    expect(toRateLimitHeaders(decide([wide, tight, tokens], counters, NOON + 30_000).standings)).toEqual({
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '4',
      'x-ratelimit-reset-requests': '1m30s',
      'x-ratelimit-limit-tokens': '500',
      'x-ratelimit-remaining-tokens': '480',
      'x-ratelimit-reset-tokens': '1m30s',
    });
    expect(toRateLimitHeaders([])).toEqual({});
  });

  it('write durations as OpenAI does', () => {
    expect([0, 1, 120, 999, 1_000, 1_001, 59_000, 59_001, 60_000, 119_500].map(formatReset)).toEqual([
      '0s',
      '1ms',
      '120ms',
      '999ms',
      '1s',
      '2s',
      '59s',
      '1m0s',
      '1m0s',
      '2m0s',
    ]);
  });
});
