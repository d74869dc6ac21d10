import type { Usage } from '@rubot/contracts/chat-response';
import { AgentId } from '@rubot/contracts/ids';
import { parseJson } from '@rubot/contracts/parse-json';
import { z } from 'zod';

/** Who used up tokens: an agent by its id, or the planner. */
export const PLANNER = 'planner';

export interface Spending {
  readonly by: string;
  readonly usage: Usage;
}

/** Tokens that a run is let in with, before it is known what it takes. */
export interface TokenEstimate {
  readonly input: number;
  readonly output: number;
}

/** What tokens cost. Money is counted in billionths of a dollar, so that sums are whole numbers. */
export interface Prices {
  /** By the highest price of those who may be asked. */
  estimate(tokens: TokenEstimate, payees: readonly string[]): number;
  costOf(spendings: readonly Spending[]): number;
}

export const NANO_USD = 1_000_000_000;
/** Of a price in dollars for a million tokens: billionths of a dollar for one. */
const NANO_USD_PER_TOKEN = 1_000;

const Price = z.strictObject({ input: z.number().min(0).max(100_000), output: z.number().min(0).max(100_000) });
type Price = z.infer<typeof Price>;
const OTHERS = '*';
const PriceList = z.record(z.union([AgentId, z.literal(OTHERS)]), Price);

const EXAMPLE = '{"*":{"input":3,"output":15},"planner":{"input":0.25,"output":2}}';

/** USD for a million tokens, by agent id, `planner`, and `*` for all others, which may not be missing. */
export const PricesJson = z.string().transform((text, context): Prices => {
  const list = PriceList.safeParse(parseJson(text));
  const others = list.data?.[OTHERS];
  if (list.data !== undefined && others !== undefined) return createPrices(new Map(Object.entries(list.data)), others);
  const reason = list.success ? 'names no price for "*"' : 'is no list of prices';
  context.addIssue({ code: 'custom', message: `${reason}; it must be JSON of USD for a million tokens, such as ${EXAMPLE}` });
  return z.NEVER;
});

function createPrices(list: ReadonlyMap<string, Price>, others: Price): Prices {
  const priceOf = (payee: string) => list.get(payee) ?? others;
  return {
    estimate({ input, output }, payees) {
      const prices = payees.map(priceOf);
      const highest = (pick: (price: Price) => number) => Math.max(0, ...prices.map(pick));
      return Math.ceil((input * highest((price) => price.input) + output * highest((price) => price.output)) * NANO_USD_PER_TOKEN);
    },
    costOf(spendings) {
      const costs = spendings.map(({ by, usage }) => {
        const { input, output } = priceOf(by);
        return (usage.prompt_tokens * input + usage.completion_tokens * output) * NANO_USD_PER_TOKEN;
      });
      return Math.round(costs.reduce((total, cost) => total + cost, 0));
    },
  };
}
