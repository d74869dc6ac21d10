import { setTimeout as sleep } from 'node:timers/promises';
import { toFrames } from '@rubot/testkit/model-frames';
import { serveAnswers, writeStream } from '../upstream/serve-answers.ts';
import { ANSWER_FIELD, INSTANT_TOKENS, PACE_MS, PACED_TOKENS } from './answers.ts';

const INSTANT = toFrames({ text: Array.from({ length: INSTANT_TOKENS }, () => ' valves') }).join('');
const PACED = toFrames({ text: Array.from({ length: PACED_TOKENS }, () => ' valves') });

/** A model that thinks for no time: what is measured is all that stands around it. */
serveAnswers(async ({ [ANSWER_FIELD]: kind }, response) => {
  await writeStream(response, kind === 'paced' ? writePaced() : [INSTANT]);
});

async function* writePaced(): AsyncGenerator<string> {
  const [role = '', first = '', ...rest] = PACED;
  yield role + first;
  for (const frame of rest) {
    await sleep(PACE_MS);
    yield frame;
  }
}
