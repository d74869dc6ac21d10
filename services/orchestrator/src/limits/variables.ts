import { variable } from '@rubot/config/variable';
import { Limits } from '@rubot/contracts/limits';
import { parseJson } from '@rubot/contracts/parse-json';
import { z } from 'zod';
import { isMoney, LIMIT_KINDS } from './limit-kinds.ts';
import { type Prices, PricesJson } from './prices.ts';

const GlobalLimitsJson = z.string().transform((text, context): Limits => {
  const limits = Limits.safeParse(parseJson(text));
  if (limits.success) return limits.data;
  context.addIssue({ code: 'custom', message: `must be a JSON object of ${LIMIT_KINDS.join(', ')}, each a number from 0 on` });
  return z.NEVER;
});

export const limitVariables = {
  GLOBAL_LIMITS_JSON: variable(GlobalLimitsJson.optional(), {
    description:
      'What all tenants together may use up: requests_per_minute, tokens_per_minute, concurrent_runs, usd_per_day, usd_per_month.',
    example: '{"requests_per_minute":600,"usd_per_month":500}',
  }),
  PRICES_JSON: variable(PricesJson.optional(), {
    description:
      'USD for a million tokens, by agent id, planner, and * for all others. Unset: nothing has a price, and limits of money refuse.',
    example: '{"*":{"input":3,"output":15},"planner":{"input":0.25,"output":2}}',
  }),
  RESERVED_TOKENS: variable(z.coerce.number().int().min(0).max(10_000_000).default(1_000), {
    description: 'Tokens of an answer that are reserved under limits, where a request does not say how many it may have.',
  }),
} as const;

export interface LimitsConfig {
  readonly global: Limits;
  readonly prices: Prices | undefined;
  readonly reservedTokens: number;
}

interface LimitsEnv {
  readonly GLOBAL_LIMITS_JSON?: Limits | undefined;
  readonly PRICES_JSON?: Prices | undefined;
  readonly RESERVED_TOKENS: number;
}

export function findLimitProblems({ GLOBAL_LIMITS_JSON: global = {}, PRICES_JSON: prices }: LimitsEnv): readonly string[] {
  const limitsMoney = LIMIT_KINDS.some((kind) => isMoney(kind) && global[kind] !== undefined);
  return limitsMoney && prices === undefined ? ['PRICES_JSON is not set although GLOBAL_LIMITS_JSON limits money'] : [];
}

export function toLimitsConfig({
  GLOBAL_LIMITS_JSON: global = {},
  PRICES_JSON: prices,
  RESERVED_TOKENS: reservedTokens,
}: LimitsEnv): LimitsConfig {
  return { global, prices, reservedTokens };
}
