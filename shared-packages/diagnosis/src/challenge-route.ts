import { ChallengeRequest } from '@rubot/contracts/diagnosis';
import type { BaseEnv } from '@rubot/http/base-app';
import { readJsonBody } from '@rubot/http/body';
import { parseInput } from '@rubot/http/parse';
import type { Handler } from 'hono';
import { type AnswererOptions, createChallengeAnswerer } from './answer-challenge.ts';

/** Room for a dozen proofs. */
const MAX_BODY_BYTES = 2_048;

/** `POST /challenge`: open, as whoever has the wrong key must be told so. */
export function answerChallengeHandler<Env extends BaseEnv>(options: AnswererOptions): Handler<Env> {
  const answer = createChallengeAnswerer(options);
  return async function answerChallenge(c) {
    const { value } = await readJsonBody(c.req.raw, { maxBytes: MAX_BODY_BYTES });
    return c.json(await answer(parseInput(ChallengeRequest, value)), 200, { 'cache-control': 'no-store' });
  };
}
