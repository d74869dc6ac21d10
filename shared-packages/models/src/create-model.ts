import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModelV4 } from '@ai-sdk/provider';
import type { FetchLike } from '@rubot/http/upstream';
import { createDemoModel } from './demo/demo-model.ts';
import { createModelFetch } from './model-fetch.ts';
import { DEMO_MODEL, parseModelSpecifier } from './specifier.ts';
import type { ModelAccess } from './variables.ts';

/** A model that can be called, and what logs and answers call it. */
export interface Model {
  readonly languageModel: LanguageModelV4;
  /** The part of the specifier before the slash, such as `openai`. */
  readonly provider: string;
  /** `provider/model`, as in the environment. */
  readonly specifier: string;
  /** True for the built-in model, which must never pass for a real one. */
  readonly isDemo: boolean;
  /** True for a model behind OpenAI's own API; not for one that a server of the operator's own answers for. */
  readonly isOpenAi: boolean;
}

export interface CreateModelOptions {
  readonly specifier: string;
  readonly access: ModelAccess;
  readonly fetch: FetchLike;
}

const OPENAI_API = 'https://api.openai.com/v1';
const ANTHROPIC_API = 'https://api.anthropic.com/v1';
const OPENAI_END = /[\r\n]data: ?\[DONE\]/;
const ANTHROPIC_END = /[\r\n]data: ?\{.*"type": ?"message_stop".*\}/;

/** @throws RubotError `misconfigured` for a specifier that `findModelProblems` would have reported */
export function createModel({ specifier, access, fetch }: CreateModelOptions): Model {
  const { provider, modelId } = parseModelSpecifier(specifier);
  const isOpenAi = provider === 'openai' && isOpenAiApi(access.openai.baseUrl);
  const named = { provider, specifier, isDemo: specifier === DEMO_MODEL, isOpenAi };
  switch (provider) {
    case 'openai':
      return { ...named, languageModel: createOpenAiModel(modelId, access.openai, fetch) };
    case 'anthropic':
      return { ...named, languageModel: createAnthropicModel(modelId, access.anthropic, fetch) };
    case 'demo':
      return { ...named, languageModel: createDemoModel() };
  }
}

/** The compatible provider and not OpenAI's own: that one prefers another API, which few other servers speak. */
function createOpenAiModel(modelId: string, { apiKey, baseUrl = OPENAI_API }: ModelAccess['openai'], fetch: FetchLike): LanguageModelV4 {
  return createOpenAICompatible({
    name: 'openai',
    baseURL: baseUrl,
    ...(apiKey === undefined ? {} : { apiKey }),
    fetch: createModelFetch({ fetch, endMarker: OPENAI_END }),
    includeUsage: true,
    supportsStructuredOutputs: true,
    // The provider reads the image itself; our server never follows a url that a client gave.
    supportedUrls: () => ({ 'image/*': [/^https?:/] }),
    // OpenAI's reasoning models refuse the old name of this field, other servers know no other.
    ...(isOpenAiApi(baseUrl) ? { transformRequestBody: renameMaxTokens } : {}),
  }).languageModel(modelId);
}

function isOpenAiApi(baseUrl: string = OPENAI_API): boolean {
  return new URL(baseUrl).origin === new URL(OPENAI_API).origin;
}

function renameMaxTokens({ max_tokens: maxTokens, ...body }: Record<string, unknown>): Record<string, unknown> {
  return maxTokens === undefined ? body : { ...body, max_completion_tokens: maxTokens };
}

function createAnthropicModel(
  modelId: string,
  { apiKey, baseUrl = ANTHROPIC_API }: ModelAccess['anthropic'],
  fetch: FetchLike,
): LanguageModelV4 {
  return createAnthropic({
    ...(apiKey === undefined ? {} : { apiKey }),
    baseURL: baseUrl,
    fetch: createModelFetch({ fetch, endMarker: ANTHROPIC_END }),
  }).languageModel(modelId);
}
