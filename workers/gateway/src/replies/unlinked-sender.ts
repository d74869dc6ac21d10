import type { ChatRequest } from '@rubot/contracts/chat-request';
import type { UseLinkPinResponse } from '@rubot/contracts/link-pins';
import { type AssistantReply, toAssistantReply } from './assistant-reply.ts';

/**
 * To a sender without a tenant. An assistant's message and not an error: the one who reads it is a person in a chat. A program tells it
 * from an answer by `rubot.status`.
 */
export function replyToUnlinkedSender(request: ChatRequest, page: string): Response {
  return toAssistantReply(request, {
    content: `I do not know this account yet. Open ${page} to link it, or send me the 6 digits of your PIN. Then write to me again.`,
    rubot: { status: 'sender_unlinked', link_url: page },
  });
}

/** To one that has sent a PIN. */
export function replyToPin(request: ChatRequest, page: string, outcome: UseLinkPinResponse): Response {
  return toAssistantReply(request, toReply(page, outcome));
}

function toReply(page: string, outcome: UseLinkPinResponse): AssistantReply {
  const rubot = { status: 'sender_unlinked', link_url: page };
  switch (outcome.status) {
    case 'linked':
      return {
        content: `This account is now linked to ${outcome.tenant_name}. Write to me again, and I will answer.`,
        rubot: { status: 'sender_linked', tenant_id: outcome.tenant_id },
      };
    case 'linked_elsewhere':
      return { content: 'This account is linked already, to somebody else than the PIN is of. It has to be unlinked there first.', rubot };
    case 'too_many_tries':
      return {
        content: `That were too many wrong PINs. Wait ${toMinutes(outcome.retry_after_seconds)}, ask for a new PIN, and send me that one.`,
        rubot: { ...rubot, retry_after_seconds: outcome.retry_after_seconds },
      };
    case 'refused':
      return { content: `This PIN is wrong, or has expired. Ask for a new one, or open ${page} to link this account.`, rubot };
  }
}

function toMinutes(seconds: number): string {
  const minutes = Math.max(1, Math.ceil(seconds / 60));
  return minutes === 1 ? 'a minute' : `${minutes} minutes`;
}
