import { addUsage, type ChatCompletionChunk, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import { type AnswerPart, saysSomething } from './answer.ts';
import { PARAGRAPH, type Replay } from './replay.ts';

/** What a slice has said and cost, over all the calls of its agent. */
export interface SliceAccount {
  /** Counts what earlier attempts did as if it had been done now. */
  replay(replay: Replay): readonly AnswerPart[];
  /** From here on another call of the agent is counted. */
  beginCall(): void;
  /** The chunk without what is ours to say at the end; `undefined` when nothing is left of it. */
  take(chunk: ChatCompletionChunk): AnswerPart | undefined;
  takeStep(usage: Usage): void;
  /** @throws RubotError `stream_interrupted` when the agent never said why it stopped */
  assertFinished(peer: string): void;
  total(): SliceTotal;
}

export interface SliceTotal {
  readonly finishReason: string | undefined;
  readonly usage: Usage;
  /** What was said, up to a limit: for the slices that build on it. */
  readonly text: string;
}

const MAX_TEXT_CHARACTERS = 16_000;

export function createSliceAccount(): SliceAccount {
  let finishReason: string | undefined;
  let earlierUsage: Usage = NO_USAGE;
  let totalUsage: Usage | undefined;
  let stepUsage: Usage = NO_USAGE;
  let text = '';
  let startsParagraph = false;
  let isBegun = false;
  let goesOn = false;

  /** A call that was cut has no total, but the steps that it finished were paid for. */
  const usageSoFar = () => addUsage(earlierUsage, totalUsage ?? stepUsage);

  /** An agent that goes on from a journal cannot know what was heard of it. */
  function separate(chunk: ChatCompletionChunk): ChatCompletionChunk {
    const [choice] = chunk.choices;
    if (!startsParagraph || choice === undefined || (choice.delta.content ?? '') === '') return chunk;
    startsParagraph = false;
    return { ...chunk, choices: [{ ...choice, delta: { ...choice.delta, content: `${PARAGRAPH}${choice.delta.content}` } }] };
  }

  return {
    replay({ parts, usage, standing }) {
      if (standing.status === 'over') finishReason = standing.finishReason;
      earlierUsage = usage;
      isBegun = parts.length > 0;
      text = parts.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
      return parts;
    },
    beginCall() {
      earlierUsage = usageSoFar();
      totalUsage = undefined;
      stepUsage = NO_USAGE;
      finishReason = undefined;
      startsParagraph = text !== '';
      goesOn = isBegun;
      isBegun = true;
    },
    take(received) {
      totalUsage = received.usage ?? totalUsage;
      const chunk = separate(received);
      const [choice] = chunk.choices;
      if (choice === undefined) return undefined;
      if (text.length <= MAX_TEXT_CHARACTERS) text += choice.delta.content ?? '';
      // An answer is opened once, although each call of its agent opens one.
      if (choice.finish_reason === null || choice.finish_reason === undefined) return goesOn && !saysSomething(chunk) ? undefined : chunk;
      finishReason = choice.finish_reason;
      // Held back until the whole stream is known to be sound: a finish reason is a promise.
      const rest = { ...chunk, choices: [{ ...choice, finish_reason: null }] };
      return saysSomething(rest) ? rest : undefined;
    },
    takeStep(usage) {
      stepUsage = addUsage(stepUsage, usage);
    },
    assertFinished(peer) {
      if (finishReason !== undefined) return;
      throw new RubotError('stream_interrupted', `${peer} stopped without saying why. What has arrived may be a piece; ask again.`);
    },
    total: () => ({ finishReason, usage: usageSoFar(), text: shorten(text) }),
  };
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT_CHARACTERS ? text : `${text.slice(0, MAX_TEXT_CHARACTERS)} […]`;
}
