import { describe, expect, it } from 'vitest';
import { PricesJson } from './prices.ts';

const usage = (input: number, output: number) => ({ prompt_tokens: input, completion_tokens: output, total_tokens: input + output });

describe('prices', () => {
  const prices = PricesJson.parse('{"*":{"input":3,"output":15},"planner":{"input":0.15,"output":0.6},"small":{"input":0,"output":20}}');

  it('are of each agent its own, and else those of all others, in billionths of a dollar', () => {
    expect(prices.costOf([{ by: 'tables', usage: usage(1_000_000, 0) }])).toBe(3_000_000_000);
    expect(prices.costOf([{ by: 'planner', usage: usage(1, 1) }])).toBe(750);
    expect(
      prices.costOf([
        { by: 'planner', usage: usage(7, 0) },
        { by: 'small', usage: usage(9, 2) },
      ]),
    ).toBe(1_050 + 40_000);
    expect(prices.costOf([])).toBe(0);
  });

  it('are estimated by the highest of those who may be asked', () => {
    expect(prices.estimate({ input: 100, output: 10 }, ['planner'])).toBe(100 * 150 + 10 * 600);
    expect(prices.estimate({ input: 100, output: 10 }, ['planner', 'small', 'tables'])).toBe(100 * 3_000 + 10 * 20_000);
  });

  it.each([
    '',
    '{}',
    '[]',
    '{"tables":{"input":1,"output":1}}',
    '{"*":{"input":1}}',
    '{"*":{"input":-1,"output":1}}',
    '{"*":{"input":1,"output":1,"cached":1}}',
  ])('say what they should be: %s', (text) => {
    expect(PricesJson.safeParse(text).error?.issues[0]?.message).toContain('USD for a million tokens, such as');
  });
});
