import type { BenchLength, BenchReport } from '../bench.ts';
import { measureAll } from './measure.ts';
import { GATEWAY_PLANS } from './plan.ts';
import { renderReport } from './report.ts';
import { startTargets } from './start-targets.ts';

export async function benchGateway(length: BenchLength): Promise<BenchReport> {
  const running = await startTargets();
  const result = await measureAll(running, GATEWAY_PLANS[length]);
  await running.stop();
  return { figures: result, lines: renderReport(result, running.compatibilityDate) };
}
