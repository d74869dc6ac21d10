import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import type { Usage } from '@rubot/contracts/chat-response';

/** Tokens that a provider did not count are 0. */
export function toUsage(inputTokens: number | undefined, outputTokens: number | undefined): Usage {
  const prompt = inputTokens ?? 0;
  const completion = outputTokens ?? 0;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

export function toCallUsage(usage: LanguageModelV4Usage): Usage {
  return toUsage(usage.inputTokens.total, usage.outputTokens.total);
}
