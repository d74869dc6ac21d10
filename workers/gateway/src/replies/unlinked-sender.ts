import type { ChatRequest } from '@rubot/contracts/chat-request';
import { NO_USAGE, type RubotReport, STREAM_DONE } from '@rubot/contracts/chat-response';
import { encodeSseFrame, SSE_HEADERS } from '@rubot/http/sse-response';
import { toLinkingPage } from './linking-page.ts';

export interface UnlinkedSenderReply {
  readonly request: ChatRequest;
  readonly linkUrl: string;
  readonly senderId: string;
}

/**
 * An assistant's message and not an error: the one who reads it is a person in a chat. A program tells it
 * from an answer by `rubot.status`.
 */
export function replyToUnlinkedSender({ request, linkUrl, senderId }: UnlinkedSenderReply): Response {
  const page = toLinkingPage(linkUrl, senderId);
  const content = `I do not know this account yet. Open ${page} to link it, then write to me again.`;
  const head = { id: `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`, created: Math.floor(Date.now() / 1_000), model: request.model };
  const rubot: RubotReport = { status: 'sender_unlinked', link_url: page };
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
