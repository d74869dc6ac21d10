import { z } from 'zod';

/** https://platform.openai.com/docs/api-reference/chat/create: loose, so that a new field of OpenAI's reaches the model. */

const TextPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const ImagePart = z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string() }) });
const ContentPart = z.union([TextPart, ImagePart, z.looseObject({ type: z.string() })]);
const Content = z.union([z.string(), z.array(ContentPart).min(1)]);

export const ToolCall = z.looseObject({
  id: z.string().min(1),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
export type ToolCall = z.infer<typeof ToolCall>;

const SystemMessage = z.looseObject({ role: z.enum(['system', 'developer']), content: Content });
const UserMessage = z.looseObject({ role: z.literal('user'), content: Content, name: z.string().nullish() });
const AssistantMessage = z
  .looseObject({ role: z.literal('assistant'), content: Content.nullish(), tool_calls: z.array(ToolCall).nullish() })
  // Empty text counts: it is what a model that had nothing to say answered, and clients send it back.
  .refine(
    (message) =>
      typeof (message.content ?? message['refusal']) === 'string' ||
      Array.isArray(message.content) ||
      (message.tool_calls?.length ?? 0) > 0,
    {
      error: 'an assistant message needs content or tool_calls',
    },
  );
const ToolMessage = z.looseObject({ role: z.literal('tool'), content: Content, tool_call_id: z.string().min(1) });

export const ChatMessage = z.discriminatedUnion('role', [SystemMessage, UserMessage, AssistantMessage, ToolMessage]);
export type ChatMessage = z.infer<typeof ChatMessage>;

const FunctionTool = z.looseObject({
  type: z.literal('function'),
  function: z.looseObject({
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" or "-"'),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish(),
  }),
});

const ToolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) }),
]);

const ResponseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({ name: z.string(), schema: z.record(z.string(), z.unknown()).nullish() }),
  }),
]);

const MAX_MESSAGES = 1_000;
const MAX_TOOLS = 128;

export const ChatRequest = z.looseObject({
  /** The seed's smoke request names none, so none means the planner. */
  model: z.string().min(1).max(256).default('rubot'),
  messages: z.array(ChatMessage).min(1).max(MAX_MESSAGES),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  tools: z.array(FunctionTool).max(MAX_TOOLS).nullish(),
  tool_choice: ToolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: ResponseFormat.nullish(),
  n: z.literal(1, { error: 'must be 1: rubot answers a request with one choice' }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  seed: z.number().int().nullish(),
  user: z.string().nullish(),
  reasoning_effort: z.string().nullish(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;
