import type { BenchLength, BenchReport } from '../bench.ts';
import { measureDurable } from './measure.ts';
import { DURABLE_PLANS } from './plan.ts';
import { renderReport } from './report.ts';
import { startDurableStack } from './start-stack.ts';

export async function benchDurable(length: BenchLength): Promise<BenchReport> {
  const stack = await startDurableStack();
  const result = await measureDurable(stack, DURABLE_PLANS[length]);
  await stack.stop();
  return { figures: result, lines: renderReport(result) };
}
