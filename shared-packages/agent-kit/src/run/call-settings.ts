import type { SharedV4ProviderOptions } from '@ai-sdk/provider';
import { ChatRequest } from '@rubot/contracts/chat-request';

/** What rubot does itself, or what would give the answer another shape than this API has. */
const NOT_FOR_THE_MODEL: ReadonlySet<string> = new Set([
  ...Object.keys(ChatRequest.shape),
  'functions',
  'function_call',
  'modalities',
  'audio',
  'logprobs',
  'top_logprobs',
]);

export interface CallSettings {
  readonly temperature?: number;
  readonly topP?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly maxOutputTokens?: number;
  readonly stopSequences?: string[];
  readonly seed?: number;
  readonly providerOptions: SharedV4ProviderOptions;
}

/** The client's settings in the AI SDK's names; fields that neither knows go to the provider untouched. */
export function toCallSettings(request: ChatRequest): CallSettings {
  const maxOutputTokens = request.max_completion_tokens ?? request.max_tokens;
  return {
    ...defined('temperature', request.temperature),
    ...defined('topP', request.top_p),
    ...defined('frequencyPenalty', request.frequency_penalty),
    ...defined('presencePenalty', request.presence_penalty),
    ...defined('maxOutputTokens', maxOutputTokens),
    ...defined('stopSequences', typeof request.stop === 'string' ? [request.stop] : request.stop),
    ...defined('seed', request.seed),
    providerOptions: toProviderOptions(request),
  };
}

function toProviderOptions(request: ChatRequest): SharedV4ProviderOptions {
  const unknown = Object.fromEntries(Object.entries(request).filter(([name]) => !NOT_FOR_THE_MODEL.has(name)));
  const format = request.response_format;
  return {
    openai: {
      ...(unknown as SharedV4ProviderOptions[string]),
      ...defined('user', request.user),
      ...defined('reasoningEffort', request.reasoning_effort),
      ...defined('parallel_tool_calls', request.parallel_tool_calls),
      // The SDK would turn strict on, which OpenAI leaves off unless it is asked for.
      ...(format?.type === 'json_schema' ? { strictJsonSchema: format.json_schema['strict'] === true } : {}),
    },
    anthropic: { ...(request.parallel_tool_calls === false ? { disableParallelToolUse: true } : {}) },
  };
}

function defined<Name extends string, Value>(name: Name, value: Value | null | undefined): { [Key in Name]?: Value } {
  return (value === null || value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}
