import { setTimeout } from 'node:timers/promises';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ModelStack, startModelStack, toChatSourceHeaders } from '../_stack.ts';

const CHUNKS = 20;
const INTERVAL_MS = 50;
const MAX_DELAY_MS = 10;
/** How many of them may be late, and come in one piece with the next, on a machine that has other work as well. */
const MAX_LATE_CHUNKS = 8;
const WARM_UP_STREAMS = 40;

let stack: ModelStack;
beforeAll(async () => {
  stack = await startModelStack({ agents: ['conversational'] });
});
afterAll(() => stack.stop());

interface Arrivals {
  readonly contents: readonly string[];
  /** When the client library handed out each chunk with content. */
  readonly arrivedAtMs: readonly number[];
  /** How many frames with content each piece held that the network gave. */
  readonly framesByRead: readonly number[];
}

it('hands on each of 20 chunks as it comes, by itself and within 10 ms', async () => {
  const words = Array.from({ length: CHUNKS }, (_, index) => `word-${index} `);
  // The first requests connect and compile what later ones find ready.
  for (let round = 0; round < WARM_UP_STREAMS; round += 1) await watch(['once ', 'more'], 1);
  const sentAtMs: number[] = [];
  const { contents, arrivedAtMs, framesByRead } = await watch(words, INTERVAL_MS, sentAtMs);

  expect(contents).toEqual(words);
  expect(framesByRead.filter((count) => count === 1).length).toBeGreaterThanOrEqual(CHUNKS - MAX_LATE_CHUNKS);
  const delaysMs = arrivedAtMs.map((arrived, index) => arrived - (sentAtMs[index] ?? Number.NaN));
  const sortedMs = delaysMs.toSorted((left, right) => left - right);
  console.log(`delays in ms: ${delaysMs.map((delay) => delay.toFixed(1)).join(' ')}`);
  expect(sortedMs[CHUNKS / 2]).toBeLessThan(MAX_DELAY_MS);
  expect(sortedMs.filter((delay) => !(delay < MAX_DELAY_MS)).length).toBeLessThanOrEqual(MAX_LATE_CHUNKS);
});

/** One stream through the whole path, each word sent at its time; model and client are in this process and share its clock. */
async function watch(words: readonly string[], intervalMs: number, sentAtMs: number[] = []): Promise<Arrivals> {
  stack.model.script(async (exchange: ModelExchange) => {
    for (const word of words) {
      await setTimeout(intervalMs);
      sentAtMs.push(performance.now());
      exchange.sendText(word);
    }
    exchange.finish();
  });
  const framesByRead: number[] = [];
  const client = new OpenAI({
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: toChatSourceHeaders(stack),
    maxRetries: 0,
    async fetch(url, init) {
      const response = await fetch(url, init);
      return new Response(response.body?.pipeThrough(countFrames(framesByRead)) ?? null, response);
    },
  });
  const contents: string[] = [];
  const arrivedAtMs: number[] = [];
  const messages = [{ role: 'user' as const, content: 'Count.' }];
  for await (const { choices } of await client.chat.completions.create({ model: 'rubot/conversational', stream: true, messages })) {
    const content = choices[0]?.delta.content ?? '';
    if (content === '') continue;
    contents.push(content);
    arrivedAtMs.push(performance.now());
  }
  return { contents, arrivedAtMs, framesByRead };
}

function countFrames(framesByRead: number[]): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder();
  return new TransformStream({
    transform(bytes, controller) {
      framesByRead.push(decoder.decode(bytes).match(/"content":"[^"]/g)?.length ?? 0);
      controller.enqueue(bytes);
    },
  });
}
