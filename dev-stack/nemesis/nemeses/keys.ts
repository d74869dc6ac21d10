import { setTimeout as pause } from 'node:timers/promises';
import { modelOfAgent } from '@rubot/contracts/models';
import OpenAI from 'openai';
import { AGENT_ID } from '../agent/start-agents.ts';
import { judge } from '../check/judge.ts';
import { type FaultyFront, startFaultyFront } from '../load/faulty-front.ts';
import { settle } from '../load/settle.ts';
import { type Arena, type Nemesis, withWorld } from '../nemesis.ts';
import { GATEWAY_KEY } from '../world/hop.ts';
import type { World } from '../world/start-world.ts';

const TASK = { steps: 1, pieces: 2, stepMs: 40, toolMs: 0 };
const SENDER = { tenantId: 'acme', senderId: 'sender-of-acme' };
const COPIES = 20;
const KEYS_AT_A_TIME = 8;
/** Of the processes that take requests, one goes now and then. */
const LONGEST_GAP_MS = 1_500;
const FAULT_SHARE = 0.1;

export const keys: Nemesis<{ readonly keys: number; readonly kills: number }> = {
  name: 'keys',
  promise: `${COPIES} copies of a request at once, of a client that repeats what failed, are one run and one call of the model, as they bear one Idempotency-Key; also when processes die under them.`,
  short: { keys: 12, kills: 1 },
  long: { keys: 1_000, kills: 40 },
  strike(arena, counts) {
    return withWorld(arena, { apiCount: 2, workerCount: 2, environment: { EVENTS_POLL_MS: '200' } }, async (world) => {
      const { random } = world;
      const front = await startFaultyFront({
        pickOrigin: () => random.pick(world.apis.filter((api) => api.isRunning())).url,
        sender: SENDER,
        random,
        faultShare: FAULT_SHARE,
      });
      const killing = killApis(world, counts.kills);
      const results = await askWithKeys(front, counts.keys, arena.onProgress).finally(() => front.close());
      await killing;
      const settled = await settle(world);
      const answered = results.flatMap(({ answers }) => answers);
      const { violations, evidence } = await judge(world, { accepted: new Set(), leastCompleted: counts.keys, settled });
      const { before, after } = front.faults();
      return {
        violations: [
          ...violations,
          ...results.flatMap(findDifferences),
          ...(evidence.length === counts.keys ? [] : [`${counts.keys} keys made ${evidence.length} runs`]),
          ...(world.ledger.modelCalls.length === counts.keys
            ? []
            : [`${counts.keys} keys made ${world.ledger.modelCalls.length} model calls`]),
          ...(answered.length < counts.keys * COPIES * 0.8 ? [`only ${answered.length} copies were answered`] : []),
        ],
        figures: {
          keys: counts.keys,
          kills: counts.kills,
          copies: counts.keys * COPIES,
          answered: answered.length,
          'refused at last': results.reduce((sum, { refusals }) => sum + refusals.length, 0),
          '500s before': before,
          '500s after': after,
          runs: evidence.length,
          'model calls': world.ledger.modelCalls.length,
        },
      };
    });
  },
};

async function killApis({ apis, random }: World, kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(random.between(0, LONGEST_GAP_MS));
    const victim = random.pick(apis);
    await victim.kill();
    await victim.start();
  }
}

interface KeyResult {
  readonly key: string;
  readonly answers: readonly Answer[];
  /** Of copies whose repeats have all failed. */
  readonly refusals: readonly string[];
}

interface Answer {
  readonly id: string;
  readonly text: string;
}

async function askWithKeys(front: FaultyFront, count: number, onProgress: Arena['onProgress']): Promise<readonly KeyResult[]> {
  const client = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: GATEWAY_KEY });
  const results: KeyResult[] = [];
  let started = 0;

  async function lane(): Promise<void> {
    while (started < count) {
      started += 1;
      results.push(await askWithKey(client, `key-${started}`, started % 2 === 1));
      onProgress(results.length, count);
    }
  }

  await Promise.all(Array.from({ length: KEYS_AT_A_TIME }, lane));
  return results;
}

async function askWithKey(client: OpenAI, key: string, isStreamed: boolean): Promise<KeyResult> {
  const copies = await Promise.allSettled(Array.from({ length: COPIES }, () => askOnce(client, key, isStreamed)));
  return {
    key,
    answers: copies.flatMap((copy) => (copy.status === 'fulfilled' ? [copy.value] : [])),
    refusals: copies.flatMap((copy) => (copy.status === 'rejected' ? [String(copy.reason)] : [])),
  };
}

async function askOnce(client: OpenAI, key: string, isStreamed: boolean): Promise<Answer> {
  const body = { model: modelOfAgent(AGENT_ID), messages: [{ role: 'user' as const, content: JSON.stringify(TASK) }] };
  const options = { headers: { 'Idempotency-Key': key } };
  if (!isStreamed) {
    const { id, choices } = await client.chat.completions.create(body, options);
    return { id, text: choices[0]?.message.content ?? '' };
  }
  let id = '';
  let text = '';
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true }, options)) {
    id = chunk.id;
    text += chunk.choices[0]?.delta.content ?? '';
  }
  return { id, text };
}

/** Copies of one request get one answer, and are not refused but by the faults that were put in their way. */
function findDifferences({ key, answers, refusals }: KeyResult): readonly string[] {
  const kinds = new Set(answers.map((answer) => JSON.stringify(answer)));
  return [
    ...(kinds.size > 1 ? [`${key} got ${kinds.size} different answers: ${[...kinds].join(' ')}`] : []),
    ...refusals.filter((refusal) => !refusal.includes('injected')).map((refusal) => `${key} was refused: ${refusal}`),
  ];
}
