import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ProcessEnd } from '../../src/processes/start-process.ts';
import { type ModelStack, postBytes, postCompletion, startModelStack } from '../_stack.ts';
import { spoiledBody } from './_mutations.ts';
import { expectRefusal } from './_refusal.ts';

const RUNS = 400;
const MIN_ACCEPTED = 80;
const MIN_REFUSED = 150;

const crashes: ProcessEnd[] = [];
let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational', 'tables'], onCrash: (end) => crashes.push(end) });
});
afterAll(() => stack.stop());

/** An answer is whole, whether it came at once or in pieces. */
async function expectAnswer(response: Response): Promise<void> {
  const text = await response.text();
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) expect(text.endsWith('data: [DONE]\n\n'), text).toBe(true);
  else expect(JSON.parse(text)).toMatchObject({ object: 'chat.completion', choices: [{ finish_reason: 'stop' }] });
}

it('whatever the body, it is answered or refused, and never a failure of ours', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2_147_483_647);
  process.stdout.write(`mutated-input: FAST_CHECK_SEED=${seed}\n`);
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(spoiledBody, async (body) => {
      const response = await postBytes(stack, body);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.status === 200) await expectAnswer(response);
      else await expectRefusal(response, {});
      expect(crashes).toEqual([]);
    }),
    { seed, numRuns: RUNS },
  );
  const tally = [...statuses].map(([status, count]) => `${status}: ${count}`).join(', ');
  process.stdout.write(`mutated-input: ${tally}\n`);
  const accepted = statuses.get(200) ?? 0;
  expect(accepted, tally).toBeGreaterThan(MIN_ACCEPTED);
  expect(RUNS - accepted, tally).toBeGreaterThan(MIN_REFUSED);
  expect((await postCompletion(stack, { messages: [{ role: 'user', content: 'Still there?' }] })).status).toBe(200);
});
