import type { ChatCompletionChunk } from '@rubot/contracts/chat-response';
import type { RunEvent } from '@rubot/contracts/runs';
import type { AnswerEnd, AnswerPart } from '../dispatch/answer.ts';
import type { Envelope } from '../dispatch/stream.ts';
import type { NewEvent } from './run-store.ts';

interface ChunkData extends Record<string, unknown> {
  readonly choices: ChatCompletionChunk['choices'];
}

/** An event is what a reader is owed at once, so it does not grow with what an agent says in a moment. */
const MAX_JOINED_CHARACTERS = 16_384;

/** Adds a part behind those that wait to be written; words that follow words become one event with them. */
export function appendPart(pending: NewEvent[], part: AnswerPart): void {
  // The envelope is the same for all of them and is put around each when it is read.
  const { id: _id, object: _object, created: _created, model: _model, usage: _usage, rubot: _rubot, ...data } = part;
  const last = pending.at(-1);
  const joined = last?.type === 'chunk' ? joinTexts(last.data as ChunkData, data as ChunkData) : undefined;
  if (joined === undefined) pending.push({ type: 'chunk', data });
  else pending[pending.length - 1] = { type: 'chunk', data: joined };
}

function joinTexts(earlier: ChunkData, later: ChunkData): ChunkData | undefined {
  const [first] = earlier.choices;
  const text = textOf(earlier);
  const added = textOf(later);
  if (first === undefined || text === undefined || added === undefined || text.length + added.length > MAX_JOINED_CHARACTERS)
    return undefined;
  return { ...earlier, choices: [{ ...first, delta: { ...first.delta, content: text + added } }] };
}

/** The text of a chunk that holds nothing else. */
function textOf({ choices }: ChunkData): string | undefined {
  const [choice, ...others] = choices;
  if (choice === undefined || others.length > 0 || (choice.finish_reason ?? null) !== null) return undefined;
  const { role: _role, content, ...rest } = choice.delta;
  return Object.values(rest).every((value) => value === null || value === undefined) ? (content ?? undefined) : undefined;
}

export function toFinalChunk({ finishReason, report, usage }: AnswerEnd): NewEvent {
  return { type: 'chunk', data: { choices: [{ index: 0, delta: {}, finish_reason: finishReason }], usage, rubot: report } };
}

/** What a reader is given of an event: of a chunk, the chunk as OpenAI has it. */
export function toEventData({ type, data }: Pick<RunEvent, 'type' | 'data'>, envelope: Envelope): Record<string, unknown> {
  return type === 'chunk' ? { ...envelope, object: 'chat.completion.chunk', ...data } : data;
}
