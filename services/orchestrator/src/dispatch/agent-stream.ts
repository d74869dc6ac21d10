import { STEP_EVENT, StepEvent } from '@rubot/contracts/agent';
import { ChatCompletionChunk, STREAM_DONE } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { fromOpenAiErrorData } from '@rubot/errors/from-openai';
import { readSse } from '@rubot/http/read-sse';
import type { z } from 'zod';

export type AgentEvent =
  | { readonly type: 'chunk'; readonly chunk: ChatCompletionChunk }
  | { readonly type: 'step'; readonly step: StepEvent };

export interface ReadAgentStreamOptions {
  readonly body: ReadableStream<Uint8Array>;
  readonly peer: string;
  /** Gives up the connection; called when the agent keeps it open after its last frame. */
  readonly release: () => void;
}

/** An agent that streams without end must not fill the memory of those who collect its answer. */
const MAX_STREAM_CHARACTERS = 16_777_216;
const RELEASE_AFTER_MS = 1_000;

/**
 * What an agent streams, up to its `[DONE]`.
 *
 * @throws RubotError the agent's own, from an error frame; `stream_interrupted` when the stream ends before `[DONE]`;
 * `upstream_failed` for anything that is not the agent contract's
 */
export async function* readAgentStream({ body, peer, release }: ReadAgentStreamOptions): AsyncGenerator<AgentEvent, void, undefined> {
  const events = readSse(body, peer);
  let isWhole = false;
  let characters = 0;
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) throw interrupted(peer);
      characters += value.data.length;
      if (characters > MAX_STREAM_CHARACTERS) throw new RubotError('upstream_failed', `The answer of ${peer} is too long to be relayed.`);
      if (value.event === undefined && value.data === STREAM_DONE) {
        isWhole = true;
        return;
      }
      const event = toAgentEvent(value.event, value.data, peer);
      if (event !== undefined) yield event;
    }
  } finally {
    if (isWhole) readToEnd(events, release);
    else await events.return();
  }
}

/** The frames are over, but only a connection that was read to its end can serve another request. */
function readToEnd(events: AsyncGenerator, release: () => void): void {
  const timer = setTimeout(release, RELEASE_AFTER_MS);
  timer.unref();
  // Nothing that comes now, not even a failure, can change the answer.
  events.next().then(
    () => clearTimeout(timer),
    () => clearTimeout(timer),
  );
}

function toAgentEvent(name: string | undefined, data: string, peer: string): AgentEvent | undefined {
  if (name === STEP_EVENT) return { type: 'step', step: parseFrame(StepEvent, parseJson(data, peer), peer) };
  // Named events that we do not know may come from a newer agent.
  if (name !== undefined) return undefined;
  const value = parseJson(data, peer);
  const error = typeof value === 'object' && value !== null && 'error' in value ? fromOpenAiErrorData(value) : undefined;
  if (error !== undefined) throw error;
  return { type: 'chunk', chunk: parseFrame(ChatCompletionChunk, value, peer) };
}

function parseFrame<Schema extends z.ZodType>(schema: Schema, value: unknown, peer: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const operatorDetail = result.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.code}`).join('; ');
  throw new RubotError('upstream_failed', `${peer} sent something that is not the agent contract's.`, { operatorDetail });
}

function parseJson(data: string, peer: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new RubotError('upstream_failed', `${peer} sent a frame that is not JSON.`, { cause });
  }
}

function interrupted(peer: string): RubotError {
  return new RubotError('stream_interrupted', `${peer} broke off before its answer was complete. What has arrived is a piece; ask again.`);
}
