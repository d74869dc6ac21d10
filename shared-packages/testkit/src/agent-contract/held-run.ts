import type { StepEvent } from '@rubot/contracts/agent';
import { expect } from 'vitest';
import type { ModelAnswer } from '../model-frames.ts';
import { type AgentHarness, changeOf, eraseOf, probeOf, type ReadStream, RUN_ID, readStream } from './harness.ts';

export const HELD = { 'x-rubot-steps': '2' };
export const QUESTION = { role: 'user', content: 'Do it.' };

/** What the orchestrator sends with a journal that ends in open calls. */
export function decided(decisions: Readonly<Record<string, { decision: string; comment?: string }>> = {}): Record<string, string> {
  return { ...HELD, 'x-rubot-decisions': encodeURIComponent(JSON.stringify(decisions)) };
}

/** The last step of a stream that ended at calls that are held: as a whole one, but for a reason. */
export function expectHeld({ finishReasons, isDone, errorCode, steps }: ReadStream): StepEvent {
  expect({ finishReasons, isDone, errorCode }).toEqual({ finishReasons: [], isDone: true, errorCode: undefined });
  const last = steps.at(-1);
  if (last === undefined) throw new Error('no step was told');
  return last;
}

/** A run in the hands of a caller that holds calls, as the orchestrator is. */
export interface HeldRun {
  /** Calls of a tool that reads, one that writes and one that needs approval. */
  readonly calls: Readonly<Record<'lookUp' | 'change' | 'erase', { id: string; name: string; arguments: Record<string, string> }>>;
  /** Has the model make these calls in its first step, which is to be held; tools that are run say with what. */
  begin(...toolCalls: NonNullable<ModelAnswer['toolCalls']>): Promise<{ step: StepEvent; stream: ReadStream }>;
  /** Sends the steps back behind the question. */
  goOn(steps: readonly StepEvent[], headers: Record<string, string>): Promise<Response>;
  /** To be asked for the ids of the calls that have reached the middleware since. */
  watchCalls(): () => readonly string[];
}

export function createHeldRun(harness: () => AgentHarness, provider: string): HeldRun {
  return {
    calls: {
      lookUp: { id: 'call_read', name: probeOf(provider), arguments: { key: 'r' } },
      change: { id: 'call_write', name: changeOf(provider), arguments: { key: 'w' } },
      erase: { id: 'call_erase', name: eraseOf(provider), arguments: { key: 'e' } },
    },
    async begin(...toolCalls) {
      const { complete, model, tools } = harness();
      tools.onCall(({ body }) => ({ body: { result: { done: body['arguments'] } } }));
      model.script({ text: 'I begin.', toolCalls });
      const body = { messages: [QUESTION], stream: true, stream_options: { include_usage: true } };
      const stream = await readStream(await complete(body, { headers: HELD }));
      return { step: expectHeld(stream), stream };
    },
    goOn(steps, headers) {
      const messages = [QUESTION, ...steps.flatMap((step) => step.messages)];
      return harness().complete({ messages, stream: true }, { headers });
    },
    watchCalls() {
      const { tools } = harness();
      const before = tools.calls.length;
      return () => tools.calls.slice(before).map(({ headers }) => String(headers['idempotency-key']).replace(`${RUN_ID}/s1/`, ''));
    },
  };
}
