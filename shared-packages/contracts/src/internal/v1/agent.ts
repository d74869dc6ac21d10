import { z } from 'zod';
import { AgentId } from '../../ids.ts';
import { ChatMessage } from '../../openai/chat-request.ts';
import { Usage } from '../../openai/chat-response.ts';
import { ApprovalDecision } from '../../runs.ts';

/** What a worker has slots of; an agent says which kind its runs take. */
export const SLOT_TYPES = ['cpu', 'gpu'] as const;
export type SlotType = (typeof SLOT_TYPES)[number];

/** `GET /v1/capabilities`: what the planner is told, so lengths are bounded before a word reaches a prompt. */
export const Capabilities = z.looseObject({
  schema_version: z.string(),
  source_id: AgentId,
  name: z.string().min(1).max(80),
  summary: z.string().min(1).max(600),
  tools: z
    .array(
      z.looseObject({
        name: z.string().max(64),
        description: z.string().max(600),
        effect: z.string(),
        needs_approval: z.boolean().optional(),
      }),
    )
    .max(200),
  /** A string and not an enum: a reader must survive a kind that a later version adds. */
  slot_type: z.string().optional(),
});
export type Capabilities = z.infer<typeof Capabilities>;

/**
 * Value of the header that asks for steps. `1`: each step as an event. `2`: also, no tool that changes something is run
 * before its call was told and sent back: the agent ends its stream with the calls `pending`, and goes on with them when
 * it is asked again with them as its last message. So a call is on record before it has an effect.
 */
export const STEPS_TOLD = '1';
export const STEPS_HELD = '2';

/** What a call waits for: to be on record, or for a person's decision. */
export const AWAITS = ['commit', 'approval'] as const;
export const PendingCall = z.looseObject({ tool_call_id: z.string(), awaits: z.string() });
export type PendingCall = z.infer<typeof PendingCall>;

/**
 * Value of the header `x-rubot-decisions`, URI-encoded JSON: what persons have decided on calls, by id. It is sent with
 * every journal that ends in open calls, be it `{}`, and never with a conversation alone: an agent runs open calls only
 * where it came along, so that a client cannot have one run by putting it into its conversation.
 */
export const CallDecisions = z.record(z.string(), ApprovalDecision);
export type CallDecisions = z.infer<typeof CallDecisions>;

/** Name of the SSE event that carries a finished step, sent when the caller asks for steps by header. */
export const STEP_EVENT = 'step';

/**
 * One finished step of an agent: the assistant message and the tool results that followed it. The messages
 * are the journal: sent back to any replica of the agent after the conversation, they let it go on from there.
 */
export const StepEvent = z
  .looseObject({
    index: z.number().int().nonnegative(),
    /** Empty where all that was left are calls that await approval still: then there is nothing to keep. */
    messages: z.array(ChatMessage),
    usage: Usage,
    /** Why the model ended this step, where it was the last one of the answer. */
    finish_reason: z.string().nullish(),
    /** Calls of the assistant message that were not run yet. With any, the stream ends behind this step, without a finish reason. */
    pending: z.array(PendingCall).optional(),
  })
  .refine(({ messages, pending = [] }) => messages.length + pending.length > 0, {
    path: ['messages'],
    error: 'is empty, and no call is pending',
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
