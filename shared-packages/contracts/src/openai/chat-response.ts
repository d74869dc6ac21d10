import { z } from 'zod';
import { ErrorObject } from '../error.ts';
import { ToolCall } from './chat-request.ts';

export const Usage = z.looseObject({
  prompt_tokens: z.number().int().nonnegative(),
  completion_tokens: z.number().int().nonnegative(),
  total_tokens: z.number().int().nonnegative(),
});
export type Usage = z.infer<typeof Usage>;

export const NO_USAGE: Usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

export function addUsage(left: Usage, right: Usage): Usage {
  return {
    prompt_tokens: left.prompt_tokens + right.prompt_tokens,
    completion_tokens: left.completion_tokens + right.completion_tokens,
    total_tokens: left.total_tokens + right.total_tokens,
  };
}

/** A string and not an enum: a reader must survive a reason that a later model invents. */
const FinishReason = z.string();

/** How one part of a plan ended: what lets a program tell a partial answer from a whole one. */
export const SliceReport = z.looseObject({
  slice_id: z.string(),
  agent_id: z.string(),
  status: z.string(),
  error: ErrorObject.optional(),
});
export type SliceReport = z.infer<typeof SliceReport>;

/** A tool call that waits for a person. */
export const PendingToolCall = z.looseObject({
  tool_call_id: z.string(),
  name: z.string(),
  /** JSON text, as the model wrote it. */
  arguments: z.string(),
  slice_id: z.string(),
  agent_id: z.string(),
});
export type PendingToolCall = z.infer<typeof PendingToolCall>;

export const RequiredAction = z.looseObject({ tool_calls: z.array(PendingToolCall) });
export type RequiredAction = z.infer<typeof RequiredAction>;

/** rubot's own field beside OpenAI's, on a completion and on the last chunk of a stream. */
export const RubotReport = z.looseObject({
  run_id: z.string().optional(),
  status: z.string(),
  slices: z.array(SliceReport).optional(),
  /** `none` when no plan was needed, `model`, or `fallback` when the planner gave no usable plan. */
  planner: z.string().optional(),
  link_url: z.string().optional(),
  /** With the status `sender_linked`: to which tenant. */
  tenant_id: z.string().optional(),
  /** With the status `sender_unlinked`: how long no PIN of the sender is looked at. */
  retry_after_seconds: z.number().optional(),
  /** With the status `requires_action`: what has to be decided before the answer goes on. */
  required_action: RequiredAction.optional(),
});
export type RubotReport = z.infer<typeof RubotReport>;

export const ChatCompletion = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.number().int(),
  model: z.string(),
  choices: z
    .array(
      z.looseObject({
        index: z.number().int(),
        message: z.looseObject({
          role: z.literal('assistant'),
          content: z.string().nullish(),
          refusal: z.string().nullish(),
          tool_calls: z.array(ToolCall).nullish(),
        }),
        finish_reason: FinishReason,
      }),
    )
    .min(1),
  usage: Usage.nullish(),
  rubot: RubotReport.optional(),
});
export type ChatCompletion = z.infer<typeof ChatCompletion>;

export const ToolCallDelta = z.looseObject({
  index: z.number().int(),
  id: z.string().nullish(),
  type: z.literal('function').nullish(),
  function: z.looseObject({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
});
export type ToolCallDelta = z.infer<typeof ToolCallDelta>;

export const ChatCompletionChunk = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.number().int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.number().int(),
      delta: z.looseObject({
        role: z.string().nullish(),
        content: z.string().nullish(),
        refusal: z.string().nullish(),
        tool_calls: z.array(ToolCallDelta).nullish(),
      }),
      finish_reason: FinishReason.nullish(),
    }),
  ),
  usage: Usage.nullish(),
  rubot: RubotReport.optional(),
});
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;

/** The data of the frame that ends every whole stream. A stream without it, or an error frame, was cut. */
export const STREAM_DONE = '[DONE]';
