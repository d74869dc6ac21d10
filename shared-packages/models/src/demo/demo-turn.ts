import type { Conversation } from './conversation.ts';

export interface DemoToolCall {
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: unknown;
}

/** What the demo model does next: it speaks, or it calls tools. */
export type DemoTurn = { readonly text: string } | { readonly calls: readonly DemoToolCall[] };

/** Counted over the whole conversation, so that no id comes twice. */
export function callTools(conversation: Conversation, calls: readonly Omit<DemoToolCall, 'toolCallId'>[]): DemoTurn {
  return { calls: calls.map((call, index) => ({ toolCallId: `call_demo_${conversation.toolCallCount + index}`, ...call })) };
}

/** What other agents found out belongs beside an answer that builds on it. */
export function speak({ earlierAnswers }: Conversation, text: string): DemoTurn {
  if (earlierAnswers.length === 0) return { text };
  return { text: `${text}\n\nWhat is known so far:\n${earlierAnswers.map((answer) => `- ${answer}`).join('\n')}` };
}
