import type { ChatRequest } from '@rubot/contracts/chat-request';
import { NO_USAGE, type RubotReport, STREAM_DONE } from '@rubot/contracts/chat-response';
import { encodeSseFrame, SSE_HEADERS } from '@rubot/http/sse-response';

export interface AssistantReply {
  readonly content: string;
  readonly rubot: RubotReport;
}

/** What the gateway itself has to say to a person in a chat, as the answer of an assistant: whole or streamed, as it was asked for. */
export function toAssistantReply(request: ChatRequest, { content, rubot }: AssistantReply): Response {
  const head = { id: `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1_000), model: request.model };
  return request.stream === true ? toStream(request, head, content, rubot) : toCompletion(head, content, rubot);
}

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

function toCompletion(head: Head, content: string, rubot: RubotReport): Response {
  const message = { role: 'assistant', content, refusal: null };
  return Response.json(
    { ...head, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }], usage: NO_USAGE, rubot },
    { headers: { 'cache-control': 'no-store' } },
  );
}

function toStream(request: ChatRequest, head: Head, content: string, rubot: RubotReport): Response {
  const includeUsage = request.stream_options?.include_usage === true;
  const chunk = { ...head, object: 'chat.completion.chunk', ...(includeUsage ? { usage: null } : {}) };
  const chunks = [
    { ...chunk, choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }] },
    { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], rubot },
    ...(includeUsage ? [{ ...chunk, choices: [], usage: NO_USAGE }] : []),
  ];
  const frames = [...chunks.map((data) => JSON.stringify(data)), STREAM_DONE].map((data) => encodeSseFrame({ data }));
  return new Response(frames.join(''), { headers: SSE_HEADERS });
}
