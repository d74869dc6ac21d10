import { randomInt } from 'node:crypto';
import { type RunningPostgres, startPostgres } from '@rubot/testkit/postgres/start-postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NEMESES } from './catalogue.ts';
import { createRandom } from './random.ts';
import { renderVerdict } from './render-verdict.ts';
import { bundleOrchestrator } from './world/bundle-orchestrator.ts';

const TIMEOUT_MS = 120_000;

let postgres: RunningPostgres;
let entry: URL;
beforeAll(async () => {
  entry = await bundleOrchestrator();
  postgres = await startPostgres();
});
afterAll(() => postgres.dispose());

describe('durable runs', () => {
  for (const nemesis of NEMESES) {
    const { name, promise, short } = nemesis;
    if (short === undefined) continue;
    it(`${name}: ${promise}`, { timeout: TIMEOUT_MS }, async () => {
      const seed = randomInt(2 ** 31);
      const startedMs = performance.now();
      const findings = await nemesis.strike({ postgres, entry, random: createRandom(seed) }, short);
      console.log(`seed ${seed}${renderVerdict(nemesis, findings, (performance.now() - startedMs) / 1_000)}`);
      expect(findings.violations).toEqual([]);
    });
  }
});
