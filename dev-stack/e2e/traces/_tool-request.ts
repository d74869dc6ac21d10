import { HEADERS } from '@rubot/contracts/headers';
import { PLANNED_MODEL } from '@rubot/contracts/models';
import type { ModelAnswer, ModelExchange } from '@rubot/testkit/model-upstream';
import OpenAI from 'openai';
import { type ModelStack, type Speaker, toChatSourceHeaders } from '../_stack.ts';

/** How often the model is asked for one answer that needs a planner and one call of a tool. */
const MODEL_CALLS = 3;

/** What is said in one request, by whom it may be; each word that the log must never hold can be given from outside. */
export interface ToolRequest {
  readonly question: string;
  readonly instructions?: string;
  readonly toolArgument?: string;
  readonly answer?: string;
  readonly speaker?: Partial<Speaker>;
  readonly headers?: Record<string, string>;
  /** Where to ask; the gateway of the stack by default. */
  readonly gatewayUrl?: string;
}

/** Asks over the public API what needs a plan, an agent, a tool and the tenant's rows, as a stream. @returns the trace id */
export async function askForTool(stack: ModelStack, toolRequest: ToolRequest): Promise<string> {
  const { question, instructions = 'Be brief.', answer = `answer to ${question}`, speaker = {}, headers = {} } = toolRequest;
  stack.model.script(...Array.from({ length: MODEL_CALLS }, () => (exchange: ModelExchange) => exchange.answer(answerAsModel(exchange))));
  const client = new OpenAI({
    baseURL: `${toolRequest.gatewayUrl ?? stack.urls.gateway}/v1`,
    apiKey: stack.keys.GATEWAY_API_KEY,
    defaultHeaders: { ...toChatSourceHeaders(stack, speaker), ...headers },
    maxRetries: 0,
  });
  // What the model shall say goes along in the user's words, so that many conversations may be held at once.
  const words = JSON.stringify({ question, tool_argument: toolRequest.toolArgument ?? 'none', answer });
  const { data: chunks, response } = await client.chat.completions
    .create({
      model: PLANNED_MODEL,
      stream: true,
      messages: [
        { role: 'system', content: instructions },
        { role: 'user', content: words },
      ],
    })
    .withResponse();
  let text = '';
  for await (const { choices } of chunks) text += choices[0]?.delta.content ?? '';
  if (text !== answer) throw new Error(`the answer is not the model's: ${text}`);
  return response.headers.get(HEADERS.traceId) ?? '';
}

/** First the planner's choice, then a call of a tool, then the answer that the user's words hold. */
function answerAsModel({ body }: ModelExchange): ModelAnswer {
  const messages = body['messages'] as readonly { readonly role: string; readonly content: unknown }[];
  const words = messages.findLast(({ role }) => role === 'user')?.content;
  const parsed = JSON.parse(String(words)) as Record<string, unknown>;
  if (parsed['task'] === 'plan') {
    return { text: JSON.stringify({ slices: [{ id: 's1', agent_id: 'tables', task: String(parsed['question']), depends_on: [] }] }) };
  }
  if (messages.some(({ role }) => role === 'tool')) return { text: String(parsed['answer']) };
  const where = [{ column: 'name', operator: 'ne', value: String(parsed['tool_argument']) }];
  return { toolCalls: [{ name: 'tables_query', arguments: { table: 'products', where, limit: 1 } }] };
}
