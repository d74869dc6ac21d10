import { randomInt } from 'node:crypto';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Nemesis } from '../nemesis.ts';
import { createRandom } from '../random.ts';
import { renderVerdict } from '../render-verdict.ts';
import { bundleOrchestrator, type OrchestratorBundle } from '../world/bundle-orchestrator.ts';

const TIMEOUT_MS = 120_000;

let postgres: RunningPostgres;
let bundle: OrchestratorBundle;

// One PostgreSQL a file, and in it one database a nemesis.
beforeAll(async () => {
  [postgres, bundle] = await Promise.all([startPostgres(), bundleOrchestrator()]);
});
afterAll(async () => {
  bundle.dispose();
  await postgres.dispose();
});

/** The short form of a nemesis, as a test; the long one is `npm run nemesis`. */
export function itSurvives(nemesis: Nemesis): void {
  const { name, promise, short = nemesis.long } = nemesis;
  it(`${name}: ${promise}`, { timeout: TIMEOUT_MS }, async () => {
    const seed = randomInt(2 ** 31);
    console.log(`${name}: seed ${seed}`);
    const startedMs = performance.now();
    const findings = await nemesis.strike({ postgres, entry: bundle.entry, random: createRandom(seed), onProgress: () => {} }, short);
    console.log(renderVerdict(nemesis, findings, (performance.now() - startedMs) / 1_000));
    expect(findings.violations).toEqual([]);
  });
}
