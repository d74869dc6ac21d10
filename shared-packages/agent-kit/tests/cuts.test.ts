import { type AgentHarness, changeOf, readStream } from '@rubot/testkit/agent-contract/harness';
import { HELD } from '@rubot/testkit/agent-contract/held-run';
import { toFrames } from '@rubot/testkit/model-frames';
import { type CutKind, type ModelAnswer, startModelUpstream } from '@rubot/testkit/model-upstream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, errorOf, PROBE, startTestAgent } from './_harness.ts';

/** Thousands of connections, on machines of all speeds. */
const CUTS_TIMEOUT_MS = 120_000;
const KINDS: readonly CutKind[] = ['clean-eof', 'fin', 'reset'];

let agent: AgentHarness;
beforeAll(async () => {
  agent = await startTestAgent();
});
afterAll(() => agent.stop());

/** Every byte offset; the kinds of cut take turns, as each of them at each byte is the test of the models package. */
function cutsOf(answer: ModelAnswer): readonly { readonly atByte: number; readonly cut: CutKind }[] {
  const size = Buffer.byteLength(toFrames(answer).join(''));
  return Array.from({ length: size }, (_, atByte) => ({ atByte, cut: KINDS[atByte % KINDS.length]! }));
}

async function forEachCut(answer: ModelAnswer, look: (cut: { atByte: number; cut: CutKind }) => Promise<void>): Promise<number> {
  const cuts = [...cutsOf(answer)];
  const total = cuts.length;
  while (cuts.length > 0) {
    const batch = cuts.splice(0, 24);
    agent.model.script(...batch.map((cut) => ({ ...cut, answer })));
    await Promise.all(batch.map(look));
  }
  return total;
}

describe('a model that breaks off', () => {
  it(
    'never leaves an answer that looks whole, wherever it is cut',
    async () => {
      const answer = { text: ['Half a ', 'sentence.'] };
      let told = 0;
      let whole = 0;
      let silent = 0;
      const total = await forEachCut(answer, async () => {
        const response = await agent.complete({ ...ask('go'), stream: true });
        if (response.status !== 200) {
          expect((await errorOf(response)).code).toMatch(/^(?:stream_interrupted|unavailable)$/);
          told += 1;
          return;
        }
        const { text, isDone, finishReasons, errorCode } = await readStream(response);
        if (errorCode !== undefined) {
          expect({ isDone, finishReasons }).toEqual({ isDone: false, finishReasons: [] });
          told += 1;
        } else if (isDone && text === 'Half a sentence.') whole += 1;
        else silent += 1;
      });
      expect({ silent, sum: told + whole }).toEqual({ silent: 0, sum: total });
      // A cut behind the end marker takes a line end at most.
      expect(whole).toBeLessThanOrEqual(2);
      expect(told).toBeGreaterThan(800);
    },
    CUTS_TIMEOUT_MS,
  );

  it(
    'never has a tool called with less than the model said, wherever it is cut',
    async () => {
      const answer = { toolCalls: [{ name: PROBE, arguments: { key: '1234' } }] };
      const total = await forEachCut(answer, async () => {
        const response = await agent.complete(ask('go'));
        expect([200, 502, 503]).toContain(response.status);
        await response.text();
      });
      expect(total).toBeGreaterThan(1_000);
      for (const call of agent.tools.calls) expect(call.body).toEqual({ arguments: { key: '1234' } });
      expect(agent.tools.calls.length).toBeLessThanOrEqual(2);
    },
    CUTS_TIMEOUT_MS,
  );

  it(
    'never has a call held with less than the model said, wherever it is cut',
    async () => {
      const answer = { toolCalls: [{ name: changeOf('records'), arguments: { key: '1234' } }] };
      let broken = 0;
      const total = await forEachCut(answer, async () => {
        const response = await agent.complete({ ...ask('go'), stream: true }, { headers: HELD });
        const { steps, isDone } = response.status === 200 ? await readStream(response) : { steps: [], isDone: false };
        if (!isDone) broken += 1;
        expect(steps.length).toBe(isDone ? 1 : 0);
        for (const { pending, messages } of steps) {
          expect(pending).toMatchObject([{ awaits: 'commit' }]);
          expect(messages).toMatchObject([{ tool_calls: [{ function: { arguments: '{"key":"1234"}' } }] }]);
        }
      });
      expect(total - broken).toBeLessThanOrEqual(2);
      expect(broken).toBeGreaterThan(1_000);
    },
    CUTS_TIMEOUT_MS,
  );

  it('gets no second request for one that failed', async () => {
    const lonely = await startModelUpstream();
    const other = await startTestAgent({ environment: { OPENAI_BASE_URL: lonely.url } });
    lonely.script({ cut: 'fin', atByte: 0, answer: { text: 'x' } }, { text: 'second' });
    expect((await other.complete(ask('go'))).status).toBeGreaterThanOrEqual(502);
    expect(lonely.requests.length).toBe(1);
    await other.stop();
    await lonely.close();
  });
});
