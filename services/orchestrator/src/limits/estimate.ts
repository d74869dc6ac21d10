import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { TokenEstimate } from './prices.ts';

const BYTES_PER_TOKEN = 4;

/** @param bodyBytes of the request as it came: messages, and the tools that it describes */
export function estimateTokens(
  { max_completion_tokens: maxCompletionTokens, max_tokens: maxTokens }: ChatRequest,
  bodyBytes: number,
  reservedTokens: number,
): TokenEstimate {
  return { input: Math.ceil(bodyBytes / BYTES_PER_TOKEN), output: maxCompletionTokens ?? maxTokens ?? reservedTokens };
}
