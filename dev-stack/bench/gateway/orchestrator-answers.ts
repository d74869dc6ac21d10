import { setTimeout as sleep } from 'node:timers/promises';
import { ANSWERS } from './answers.ts';

/** Field of a paced token that holds the moment of its writing, on the clock that all processes of a machine share. */
export const WRITTEN_AT_NS = 'written_at_ns';

export const BURST_TOKENS = 30;
export const PACED_TOKENS = 20;
export const PACE_MS = 50;
const END_AFTER_FIRST_TOKEN_MS = 5;

const HEAD = { id: 'chatcmpl-4f1f6f0b8d5a4ae0b3a4a1c2d3e4f506', created: 1_760_000_000, model: 'rubot' };
const TEXT =
  'You last ordered ball valves on 3 October: 20 of the 1/2" kind from Hartmann & Sons, delivered on the 9th. That is from the table orders, row 118. ';
const USAGE = { prompt_tokens: 164, completion_tokens: 122, total_tokens: 286 };
const RUBOT = { run_id: 'run_0199a3c4d5e67f8091a2b3c4d5e6f708', status: 'completed', slices: [] };

export const WHOLE_ANSWER = JSON.stringify({
  ...HEAD,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT.repeat(4), refusal: null }, logprobs: null, finish_reason: 'stop' }],
  usage: USAGE,
  rubot: RUBOT,
});

const LAST_FRAMES = `${frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null, rubot: RUBOT })}${frame({ choices: [], usage: USAGE })}data: [DONE]\n\n`;
const TOKEN_FRAME = frame({ choices: [{ index: 0, delta: { content: ' valves' }, finish_reason: null }], usage: null });

function frame(fields: Record<string, unknown>): string {
  return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', ...fields })}\n\n`;
}

function pacedFrame(): string {
  const writtenAt = { [WRITTEN_AT_NS]: String(process.hrtime.bigint()) };
  return frame({ choices: [{ index: 0, delta: { content: ' valves' }, finish_reason: null }], ...writtenAt });
}

/** The chunks of a streamed answer. A paced answer's end comes in the chunk of its last token, so that chunks are tokens. */
export async function* streamAnswer(model: string): AsyncGenerator<string> {
  switch (model) {
    case ANSWERS.burst:
      for (let token = 0; token < BURST_TOKENS; token += 1) yield TOKEN_FRAME;
      yield LAST_FRAMES;
      return;
    case ANSWERS.firstToken:
      yield TOKEN_FRAME;
      await sleep(END_AFTER_FIRST_TOKEN_MS);
      yield LAST_FRAMES;
      return;
    case ANSWERS.paced:
      for (let token = 1; token < PACED_TOKENS; token += 1) {
        yield pacedFrame();
        await sleep(PACE_MS);
      }
      yield pacedFrame() + LAST_FRAMES;
      return;
    default:
      throw new Error(`the bench asked for an answer that does not exist: ${model}`);
  }
}
