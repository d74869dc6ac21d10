import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { NEMESES } from './catalogue.ts';
import type { Arena, Counts, Nemesis } from './nemesis.ts';
import { createRandom } from './random.ts';
import { renderVerdict } from './render-verdict.ts';
import { bundleOrchestrator } from './world/bundle-orchestrator.ts';

const USAGE = `Usage: npm run nemesis -- [name …] [--seed <number>] [--short] [--<count> <number> …]

Breaks durable runs in every way that is known, on this machine, and looks at what is left. All of it, one after the other, takes about an hour.

  --seed <number>   repeats an attack (what processes do meanwhile comes anew)
  --short           as a part of the tests: a few seconds each

${NEMESES.map(describe).join('\n')}
`;

function describe({ name, promise, long }: Nemesis): string {
  const counts = Object.entries(long).map(([count, value]) => `--${count} ${value}`);
  return `  ${name}  ${counts.join(' ')}\n      ${promise}`;
}

async function main(): Promise<void> {
  const { values, positionals } = readArguments();
  if (values['help'] === true) {
    process.stdout.write(USAGE);
    return;
  }
  const named = positionals.length === 0 ? NEMESES : positionals.map(findNemesis);
  const chosen = values['short'] === true ? named.filter(({ short }) => short !== undefined) : named;
  const seed = values['seed'] === undefined ? randomInt(2 ** 31) : Number(values['seed']);
  process.stdout.write(`seed ${seed}\n`);
  const { entry, dispose } = await bundleOrchestrator();
  const postgres = await startPostgres();
  try {
    for (const nemesis of chosen) {
      const counts = { ...nemesis.long, ...(values['short'] === true ? nemesis.short : {}), ...toCounts(nemesis, values) };
      const startedMs = performance.now();
      const findings = await nemesis.strike({ postgres, entry, random: createRandom(seed), onProgress: tellProgress(nemesis) }, counts);
      process.stdout.write(renderVerdict(nemesis, findings, (performance.now() - startedMs) / 1_000));
      if (findings.violations.length > 0) process.exitCode = 1;
    }
  } finally {
    await postgres.dispose();
    dispose();
  }
}

const PROGRESS_INTERVAL_MS = 20_000;

/** Beside the result, and not too often. */
function tellProgress({ name }: Nemesis): Arena['onProgress'] {
  let nextMs = performance.now() + PROGRESS_INTERVAL_MS;
  return (done, total) => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_INTERVAL_MS;
    process.stderr.write(`${name}: ${done} of ${total}\n`);
  };
}

function readArguments() {
  const counts = Object.fromEntries(NEMESES.flatMap(({ long }) => Object.keys(long).map((count) => [count, { type: 'string' }] as const)));
  return parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean' }, short: { type: 'boolean' }, seed: { type: 'string' }, ...counts },
  });
}

function findNemesis(name: string): Nemesis {
  const nemesis = NEMESES.find((known) => known.name === name);
  if (nemesis === undefined) throw new Error(`There is no nemesis ${name}; there are: ${NEMESES.map((known) => known.name).join(', ')}.`);
  return nemesis;
}

function toCounts({ long }: Nemesis, values: Readonly<Record<string, unknown>>): Counts {
  return Object.fromEntries(Object.keys(long).flatMap((count) => (values[count] === undefined ? [] : [[count, Number(values[count])]])));
}

// Whatever ends this process, its children end with it: they are killed when it exits, and a signal makes it exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
