import { randomInt } from 'node:crypto';
import { type FakeAgent, startFakeAgent } from '@rubot/testkit/fake-agent';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelStack, startModelStack } from '../_stack.ts';
import { ANSWER_BYTES, ANSWER_TEXT, type Cut, playCut, toQuestion } from './_cut-answer.ts';
import { askWatched, type Watched } from './_watched-request.ts';

/** Enough for any answer here, and what a stalled one has to be waited for. */
const REQUEST_TIMEOUT_MS = '3000';
const PARALLEL_REQUESTS = 8;
const STALLS = 8;

let agent: FakeAgent;
let orchestrator: FakeAgent;
let stack: ModelStack;
/** Its orchestrator is one that cuts. */
let gatewayAlone: ModelStack;

beforeAll(async () => {
  agent = await startFakeAgent({ id: 'cutter' });
  orchestrator = await startFakeAgent({ id: 'orchestrator' });
  agent.onCompletion(playCut);
  orchestrator.onCompletion(playCut);
  // Answers that hang keep their slots, and every one shall have one.
  const variables = { gateway: { REQUEST_TIMEOUT_MS }, orchestrator: { BREAKER_FAILURES: '1000000', WORKER_SLOTS: '64' } };
  [stack, gatewayAlone] = await Promise.all([
    startModelStack({ agents: ['conversational'], extraAgents: { cutter: agent.origin }, variables }),
    startModelStack({ orchestratorUrl: orchestrator.origin, variables }),
  ]);
});
afterAll(async () => {
  await Promise.all([stack.stop(), gatewayAlone.stop()]);
  await Promise.all([agent.close(), orchestrator.close()]);
});

const HOPS = [
  { hop: 'model → agent', model: 'rubot/conversational', stackOf: () => stack, playedBy: () => stack.model.requests },
  { hop: 'agent → orchestrator', model: 'rubot/cutter', stackOf: () => stack, playedBy: () => agent.completions },
  { hop: 'orchestrator → gateway', model: 'rubot', stackOf: () => gatewayAlone, playedBy: () => orchestrator.completions },
] as const;
type Hop = (typeof HOPS)[number];

/** Every way that a connection ends by, at every byte; a bare FIN at every third, as it is told like a reset. */
const WAYS = [
  { kind: 'clean-eof', everyBytes: 1 },
  { kind: 'reset', everyBytes: 1 },
  { kind: 'fin', everyBytes: 3 },
] as const;

const END_MARKER_BYTES = '[DONE]\n\n'.length;

async function play({ model, stackOf, playedBy }: Hop, cuts: readonly Cut[]): Promise<readonly Judged[]> {
  const before = playedBy().length;
  if (model === 'rubot/conversational') stack.model.script(...cuts.map(() => playCut));
  const judged = await inParallel(cuts, async (cut) => judge(cut, await askWatched(stackOf(), model, toQuestion(cut))));
  expect(playedBy().length - before).toBe(cuts.length);
  return judged;
}

describe('a stream that is cut', () => {
  it.each(HOPS.flatMap((hop) => WAYS.map((way) => ({ ...hop, ...way }))))(
    'between $hop by $kind never passes for a whole one',
    { timeout: 120_000 },
    async ({ kind, everyBytes, ...hop }) => {
      const offsets = Array.from({ length: ANSWER_BYTES.length + 1 }, (_, index) => ANSWER_BYTES.length - index);
      const cuts = offsets.filter((_, index) => index % everyBytes === 0).map((atByte) => ({ kind, atByte }));
      const judged = await play(hop, cuts);
      const whole = judged.filter(({ outcome }) => outcome === 'whole').map(({ cut }) => cut.atByte);
      console.log(`${hop.hop}, ${kind}: cut at ${cuts.length} offsets from 0 to ${ANSWER_BYTES.length}, whole at ${whole.join(', ')}`);
      expect(judged.filter(({ outcome }) => outcome !== 'whole' && outcome !== 'stream_interrupted')).toEqual([]);
      // Success must be possible; and where the end marker is not, no piece may have it.
      expect(whole).toContain(ANSWER_BYTES.length);
      expect(Math.min(...whole)).toBeGreaterThan(ANSWER_BYTES.length - END_MARKER_BYTES);
    },
  );

  it('by silence is ended by the deadline, with an error', { timeout: 60_000 }, async () => {
    const seed = randomInt(2 ** 31);
    const cuts = Array.from({ length: STALLS }, (_, index) => ({ kind: 'hang' as const, atByte: offsetOf(seed, index) }));
    console.log(`hang: seed ${seed}, offsets ${cuts.map(({ atByte }) => atByte).join(', ')}`);
    const judged = await Promise.all(HOPS.map((hop) => play(hop, cuts)));
    expect(judged.flat().map(({ outcome }) => outcome)).toEqual(HOPS.flatMap(() => cuts).map(() => 'deadline_exceeded'));
  });
});

interface Judged {
  readonly cut: Cut;
  /** `whole`, the code of the error that both readers saw, or `truncated`: a piece that passes for an answer, or no word of ours. */
  readonly outcome: string;
  readonly watched: Watched;
}

function judge(cut: Cut, watched: Watched): Judged {
  const { sdk, raw } = watched;
  const isWhole = sdk.errorCode === undefined && sdk.finishReason === 'stop' && sdk.text === ANSWER_TEXT;
  if (isWhole && raw.isDone && raw.text === ANSWER_TEXT && raw.errorCode === undefined) return { cut, outcome: 'whole', watched };
  const isTold = sdk.errorCode === raw.errorCode && sdk.errorCode !== undefined && !raw.isDone && /^[0-9a-f]{32}$/.test(raw.traceId);
  const isPiece = ANSWER_TEXT.startsWith(sdk.text) && sdk.text === raw.text;
  return { cut, outcome: (isTold && isPiece && sdk.errorCode) || 'truncated', watched };
}

/** Anywhere in the answer but behind its end, the same for the same seed. */
function offsetOf(seed: number, index: number): number {
  return Math.floor(((seed % 1_000) / 1_000 + index) * (ANSWER_BYTES.length / STALLS)) % (ANSWER_BYTES.length - END_MARKER_BYTES);
}

async function inParallel<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  const queue = items.values();
  async function drain(): Promise<void> {
    for (const item of queue) results.push(await work(item));
  }
  await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, drain));
  return results;
}
