import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { measureAll } from './measure.ts';
import { FULL_PLAN, QUICK_PLAN } from './plan.ts';
import { type Circumstances, renderReport } from './report.ts';
import { startTargets } from './targets/start-targets.ts';

const USAGE = `Usage: pnpm bench [--quick] [--json]

Measures the gateway in raw workerd against a bare pass-through Worker, on this machine, side by side.

  --quick   about 20 seconds instead of 90
  --json    the figures as JSON (pnpm --silent bench --json prints nothing else)
`;

/** A machine on which the bench has not ended by then cannot carry it. */
const TIME_LIMIT_MS = 240_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help === true) {
    process.stdout.write(USAGE);
    return;
  }
  const startedMs = performance.now();
  const [loadAverage = 0] = loadavg();
  const running = await startTargets();
  const result = await measureAll(running, values.quick === true ? QUICK_PLAN : FULL_PLAN);
  await running.stop();
  const circumstances: Circumstances = {
    node: process.version,
    workerdCompatibilityDate: running.compatibilityDate,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown processor',
    loadAverage,
    tookSeconds: (performance.now() - startedMs) / 1_000,
  };
  process.stdout.write(
    values.json === true ? `${JSON.stringify({ circumstances, ...result }, undefined, 2)}\n` : renderReport(result, circumstances),
  );
}

// Whatever ends this process, its children end with it: they are killed when it exits, and a signal makes it exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));
setTimeout(() => {
  process.stderr.write(`The bench did not end within ${TIME_LIMIT_MS / 1_000} s. Is this machine busy with something else?\n`);
  process.exit(1);
}, TIME_LIMIT_MS).unref();

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
