import type { CallerLimits, Limits } from '@rubot/contracts/limits';
import { RubotError } from '@rubot/errors';
import type { Wanted } from './counter.ts';
import { isMoney, LIMIT_KINDS, type LimitKind, type LimitOwner } from './limit-kinds.ts';
import { NANO_USD, type Prices, type TokenEstimate } from './prices.ts';

/** What a run takes of one limit. */
export interface Demand extends Wanted {
  readonly owner: LimitOwner;
  /** Names the owner among all: `token:tok_…`, `tenant:acme`, `global`. */
  readonly scope: string;
  readonly kind: LimitKind;
}

export interface AskedRun {
  readonly tenantId: string;
  readonly callerLimits: CallerLimits;
  readonly globalLimits: Limits;
  /** Called where a limit needs it. */
  readonly estimate: () => TokenEstimate;
  /** Who may answer, and be paid. */
  readonly payees: readonly string[];
  readonly prices: Prices | undefined;
}

interface Limited {
  readonly owner: LimitOwner;
  readonly scope: string;
  readonly limits: Limits;
}

/** What the run takes of every limit that applies; none where nothing is limited. @throws RubotError `misconfigured` for a limit of money where nothing has a price */
export function toDemands(asked: AskedRun): readonly Demand[] {
  return listLimited(asked).flatMap(({ owner, scope, limits }) =>
    LIMIT_KINDS.flatMap((kind): Demand[] => {
      const limit = limits[kind];
      if (limit === undefined) return [];
      return [{ owner, scope, kind, limit: isMoney(kind) ? Math.round(limit * NANO_USD) : limit, amount: amountOf(kind, asked) }];
    }),
  );
}

function listLimited({ tenantId, callerLimits: { token, tenant }, globalLimits }: AskedRun): readonly Limited[] {
  return [
    ...(token === undefined ? [] : [{ owner: 'token' as const, scope: `token:${token.id}`, limits: token.limits }]),
    ...(tenant === undefined ? [] : [{ owner: 'tenant' as const, scope: `tenant:${tenantId}`, limits: tenant }]),
    { owner: 'global', scope: 'global', limits: globalLimits },
  ];
}

function amountOf(kind: LimitKind, { estimate, payees, prices }: AskedRun): number {
  if (isMoney(kind)) {
    if (prices === undefined) throw withoutPrices(kind);
    return prices.estimate(estimate(), payees);
  }
  if (kind !== 'tokens_per_minute') return 1;
  const { input, output } = estimate();
  return input + output;
}

function withoutPrices(kind: LimitKind): RubotError {
  return new RubotError(
    'misconfigured',
    `The limit ${kind} applies to this request, and nobody has said what tokens cost. Have the operator set PRICES_JSON at the orchestrator.`,
  );
}
