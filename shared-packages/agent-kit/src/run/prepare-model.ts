import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { ChatRequest } from '@rubot/contracts/chat-request';
import { wrapLanguageModel } from 'ai';

type ResponseFormat = NonNullable<LanguageModelV4CallOptions['responseFormat']>;

/**
 * The model for one run: it is told the response format that the client asks for, and it gives no tool call an id that
 * the conversation already knows. (The SDK's own way to set the format holds text back until it parses.)
 */
export function prepareModel(model: LanguageModelV4, request: ChatRequest): LanguageModelV4 {
  const responseFormat = toResponseFormat(request.response_format);
  const knownIds = new Set(
    request.messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : [])).map((call) => call.id),
  );
  return wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v4',
      transformParams: async ({ params }) => (responseFormat === undefined ? params : { ...params, responseFormat }),
      async wrapStream({ doStream }) {
        const result = await doStream();
        return { ...result, stream: result.stream.pipeThrough(withUniqueCallIds(knownIds)) };
      },
    },
  });
}

function toResponseFormat(format: ChatRequest['response_format']): ResponseFormat | undefined {
  if (format?.type === 'json_object') return { type: 'json' };
  if (format?.type !== 'json_schema') return undefined;
  const { name, schema, description } = format.json_schema;
  return {
    type: 'json',
    name,
    // A JSON schema as the client sent it: whether it is one is the provider's to say.
    ...(schema === null || schema === undefined
      ? {}
      : { schema: schema as NonNullable<Extract<ResponseFormat, { type: 'json' }>['schema']> }),
    ...(typeof description === 'string' ? { description } : {}),
  };
}

/** What Anthropic and OpenAI both take back, and what fits an idempotency key. */
const CALL_ID = /^[\w-]{1,64}$/;

/** Some servers count their calls anew in each answer; an id is the key under which a tool has its effect once. */
function withUniqueCallIds(knownIds: Set<string>): TransformStream<LanguageModelV4StreamPart, LanguageModelV4StreamPart> {
  return new TransformStream({
    transform(part, controller) {
      // Calls are passed on when they are whole.
      if (part.type === 'tool-input-start' || part.type === 'tool-input-delta' || part.type === 'tool-input-end') return;
      if (part.type !== 'tool-call') return controller.enqueue(part);
      const isFree = CALL_ID.test(part.toolCallId) && !knownIds.has(part.toolCallId);
      const toolCallId = isFree ? part.toolCallId : `call_${crypto.randomUUID().replaceAll('-', '')}`;
      knownIds.add(toolCallId);
      controller.enqueue({ ...part, toolCallId });
    },
  });
}
