import { HEADERS } from '@rubot/contracts/headers';
import { PLANNED_MODEL } from '@rubot/contracts/models';
import OpenAI, { APIError } from 'openai';
import { StackError } from '../stack/stack-error.ts';
import type { Stack } from '../stack/start-stack.ts';

/** Needs a tool: the answer is in the rows of the demo tenant's tables. */
export const QUESTION = 'which products are below their reorder level?';

/**
 * Asks over the public API, as any client would, and hands on each token as it comes.
 *
 * @returns the id of the trace
 * @throws StackError that names the trace of the request that failed
 */
export async function holdConversation(stack: Stack, onToken: (token: string) => void): Promise<string> {
  const client = new OpenAI({
    baseURL: `${stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: { [HEADERS.sessionId]: stack.demo.session_id, [HEADERS.senderId]: stack.demo.sender_id },
    maxRetries: 0,
  });
  let headers: Headers | undefined;
  try {
    const { data: chunks, response } = await client.chat.completions
      .create({ model: PLANNED_MODEL, stream: true, messages: [{ role: 'user', content: QUESTION }] })
      .withResponse();
    headers = response.headers;
    await readAnswer(chunks, onToken);
  } catch (thrown) {
    if (!(thrown instanceof APIError)) throw thrown;
    throw new StackError(`${thrown.message} To see where: npm run rubot -- trace ${readTraceId(headers ?? thrown.headers)}`);
  }
  return readTraceId(headers);
}

async function readAnswer(chunks: AsyncIterable<OpenAI.ChatCompletionChunk>, onToken: (token: string) => void): Promise<void> {
  let finishReason: string | null = null;
  for await (const { choices } of chunks) {
    const token = choices[0]?.delta.content ?? '';
    if (token !== '') onToken(token);
    finishReason = choices[0]?.finish_reason ?? finishReason;
  }
  if (finishReason !== 'stop') throw new StackError(`The answer ended with finish_reason ${finishReason}, not with "stop".`);
}

function readTraceId(headers: Headers | undefined): string {
  return headers?.get(HEADERS.traceId) ?? '<no trace id came back>';
}
