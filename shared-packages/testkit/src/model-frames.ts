/** What the model of a test says: the text in the pieces it is streamed in, the tools it calls, how it ends. */
export interface ModelAnswer {
  readonly text?: string | readonly string[];
  readonly toolCalls?: readonly ModelToolCall[];
  readonly finishReason?: string;
  readonly usage?: ModelUsage;
}

export interface ModelToolCall {
  readonly id?: string;
  readonly name: string;
  readonly arguments: unknown;
}

export interface ModelUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

export const DEFAULT_USAGE: ModelUsage = { prompt_tokens: 11, completion_tokens: 7 };

const ENVELOPE = { id: 'chatcmpl-upstream', created: 1_700_000_000, model: 'test-model' };
export const DONE_FRAME = 'data: [DONE]\n\n';

/** The frames of a whole streamed answer, in OpenAI's order: role, text, tool calls, finish, usage, end. */
export function toFrames(answer: ModelAnswer): readonly string[] {
  return [
    toChunkFrame({ role: 'assistant', content: '' }),
    ...toPieces(answer.text).map((content) => toChunkFrame({ content })),
    ...toCalls(answer).flatMap(toToolCallFrames),
    toChunkFrame({}, finishReasonOf(answer)),
    toUsageFrame(answer.usage ?? DEFAULT_USAGE),
    DONE_FRAME,
  ];
}

export function toChunkFrame(delta: Record<string, unknown>, finishReason: string | null = null): string {
  return toFrame({ ...ENVELOPE, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finishReason }] });
}

export function toUsageFrame(usage: ModelUsage): string {
  return toFrame({ ...ENVELOPE, object: 'chat.completion.chunk', choices: [], usage: withTotal(usage) });
}

function toToolCallFrames(call: Required<ModelToolCall>, index: number): readonly string[] {
  const text = JSON.stringify(call.arguments);
  const middle = Math.ceil(text.length / 2);
  return [
    toChunkFrame({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } }] }),
    toChunkFrame({ tool_calls: [{ index, function: { arguments: text.slice(0, middle) } }] }),
    toChunkFrame({ tool_calls: [{ index, function: { arguments: text.slice(middle) } }] }),
  ];
}

/** The whole answer as one JSON body. */
export function toCompletion(answer: ModelAnswer): unknown {
  const calls = toCalls(answer).map(({ id, name, arguments: input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }));
  const message = {
    role: 'assistant',
    content: toPieces(answer.text).join('') || null,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
  return {
    ...ENVELOPE,
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: finishReasonOf(answer) }],
    usage: withTotal(answer.usage ?? DEFAULT_USAGE),
  };
}

function toPieces(text: ModelAnswer['text']): readonly string[] {
  if (text === undefined) return [];
  return typeof text === 'string' ? [text] : text;
}

function toCalls(answer: ModelAnswer): readonly Required<ModelToolCall>[] {
  return (answer.toolCalls ?? []).map((call, index) => ({ id: `call_upstream_${index}`, ...call }));
}

function finishReasonOf(answer: ModelAnswer): string {
  return answer.finishReason ?? ((answer.toolCalls?.length ?? 0) > 0 ? 'tool_calls' : 'stop');
}

function withTotal({ prompt_tokens, completion_tokens }: ModelUsage): Record<string, number> {
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function toFrame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
