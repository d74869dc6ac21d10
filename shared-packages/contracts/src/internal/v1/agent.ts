import { z } from 'zod';
import { AgentId } from '../../ids.ts';
import { ChatMessage } from '../../openai/chat-request.ts';
import { Usage } from '../../openai/chat-response.ts';

/** `GET /v1/capabilities`: what the planner is told, so lengths are bounded before a word reaches a prompt. */
export const Capabilities = z.looseObject({
  schema_version: z.string(),
  source_id: AgentId,
  name: z.string().min(1).max(80),
  summary: z.string().min(1).max(600),
  tools: z.array(z.looseObject({ name: z.string().max(64), description: z.string().max(600), effect: z.string() })).max(200),
});
export type Capabilities = z.infer<typeof Capabilities>;

/** Name of the SSE event that carries a finished step, sent when the caller asks for steps by header. */
export const STEP_EVENT = 'step';

/**
 * One finished step of an agent: the assistant message and the tool results that followed it. The messages
 * are the journal: sent back to any replica of the agent after the conversation, they let it go on from there.
 */
export const StepEvent = z.looseObject({
  index: z.number().int().nonnegative(),
  messages: z.array(ChatMessage).min(1),
  usage: Usage,
  /** Why the model ended this step, where it was the last one of the answer. */
  finish_reason: z.string().nullish(),
});
export type StepEvent = z.infer<typeof StepEvent>;

/**
 * The last user message an agent gets when it is one of several that answer a conversation: JSON text in this shape,
 * after the conversation itself. An agent that answers alone gets the conversation as the client sent it.
 */
export const SliceBrief = z.looseObject({
  task: z.literal('slice'),
  /** Tells a model that has never heard of slices how to read the rest. */
  note: z.string(),
  part: z.string(),
  earlier_answers: z.array(z.looseObject({ agent: z.string(), answer: z.string() })),
});
export type SliceBrief = z.infer<typeof SliceBrief>;
