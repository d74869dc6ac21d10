import type { ChatRequest } from '@rubot/contracts/chat-request';
import { LinkPin } from '@rubot/contracts/link-pins';

/** The PIN that a person has sent, if the last message is one and nothing else. */
export function readPin({ messages }: ChatRequest): string | undefined {
  const last = messages.at(-1);
  if (last?.role !== 'user') return undefined;
  const pin = LinkPin.safeParse(readText(last.content)?.trim());
  return pin.success ? pin.data : undefined;
}

/** Of text that stands in parts, the one part there is. */
function readText(content: ChatRequest['messages'][number]['content']): string | undefined {
  if (!Array.isArray(content)) return content ?? undefined;
  const [part, ...others] = content;
  return others.length === 0 && part?.type === 'text' && typeof part['text'] === 'string' ? part['text'] : undefined;
}
