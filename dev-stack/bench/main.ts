import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Bench, BenchLength } from './bench.ts';
import { benchDurable } from './durable/bench.ts';
import { benchGateway } from './gateway/bench.ts';

const USAGE = `Usage: npm run bench -- [gateway | durable] [--quick | --long] [--json]

  gateway   the gateway in raw workerd against a bare pass-through Worker (this one unless said otherwise)
  durable   completions as runs, from the gateway to PostgreSQL; beside them SQL written by hand, and raw pg-boss

  --quick   half a minute instead of one and a half: shows whether something broke, not what a change is worth
  --long    several minutes
  --json    the figures as JSON (npm run -s bench -- --json prints nothing else)
`;

const BENCHES: Readonly<Record<string, Bench>> = { gateway: benchGateway, durable: benchDurable };

/** A machine on which the bench has not ended by then cannot carry it. */
const TIME_LIMIT_MS: Readonly<Record<BenchLength, number>> = { quick: 120_000, usual: 240_000, long: 900_000 };

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean' }, long: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const bench = BENCHES[positionals[0] ?? 'gateway'];
  if (values.help === true || bench === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const length = readLength(values);
  limitTime(TIME_LIMIT_MS[length]);
  const startedMs = performance.now();
  const [loadAverage = 0] = loadavg();
  const { figures, lines } = await bench(length);
  const circumstances = {
    node: process.version,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown processor',
    loadAverage,
    tookSeconds: (performance.now() - startedMs) / 1_000,
  };
  const report = values.json === true ? JSON.stringify({ circumstances, ...figures }, undefined, 2) : render(lines, circumstances);
  process.stdout.write(`${report}\n`);
}

function readLength({ quick = false, long = false }: { readonly quick?: boolean; readonly long?: boolean }): BenchLength {
  if (quick) return 'quick';
  return long ? 'long' : 'usual';
}

/** What was measured where: figures of two machines, or of two loads, are not comparable. */
interface Circumstances {
  readonly node: string;
  readonly cores: number;
  readonly processor: string;
  readonly loadAverage: number;
  readonly tookSeconds: number;
}

function render(lines: readonly string[], { node, cores, processor, loadAverage, tookSeconds }: Circumstances): string {
  const machine = `Node ${node}, ${cores} × ${processor}, load average ${loadAverage.toFixed(1)} before; took ${tookSeconds.toFixed(0)} s`;
  const [title = '', ...rest] = lines;
  return [`rubot bench: ${title}`, machine, ...rest, ''].join('\n');
}

function limitTime(limitMs: number): void {
  setTimeout(() => {
    process.stderr.write(`The bench did not end within ${limitMs / 1_000} s. Is this machine busy with something else?\n`);
    process.exit(1);
  }, limitMs).unref();
}

// Whatever ends this process, its children end with it: they are killed when it exits, and a signal makes it exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
