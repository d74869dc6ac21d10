import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChatMessage } from '@rubot/contracts/chat-request';
import { HEADERS } from '@rubot/contracts/headers';
import { toChunkFrame } from '@rubot/testkit/model-frames';
import { closeServer, createExchange, type ModelExchange, readBody } from '@rubot/testkit/model-upstream';
import type { Random } from '../random.ts';
import { type Ledger, type ModelCall, toToolCallId } from './ledger.ts';
import { Task } from './task.ts';

export interface ModelOptions {
  readonly ledger: Ledger;
  readonly random: Random;
  /** Called when an orchestrator has it asked for a task that is poison. */
  readonly onPoison: (seat: string) => void;
}

/** A model server that does as the task says, and writes down each time that it is asked. */
export interface Model {
  /** Base URL for what one orchestrator has it asked. */
  urlOf(seat: string): string;
  close(): Promise<void>;
}

/** What the model's tool is called. */
export const TOOL = 'change_world';

export async function startModel(options: ModelOptions): Promise<Model> {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seat = request.url?.split('/')[1] ?? '';
    await answer(createExchange(request, response, await readBody(request)), seat, options);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { urlOf: (seat) => `http://127.0.0.1:${port}/${seat}/v1`, close: () => closeServer(server) };
}

async function answer(exchange: ModelExchange, seat: string, { ledger, random, onPoison }: ModelOptions): Promise<void> {
  const { task, step } = readQuestion(exchange.body['messages'] as readonly ChatMessage[]);
  const traceId = String(exchange.headers[HEADERS.traceparent]).split('-')[1] ?? '';
  if (task.isPoison === true) onPoison(seat);
  const asked = ledger.askModel({ traceId, step, seat });
  const hasStayed = await speak(exchange, asked, task, random);
  if (!hasStayed) return;
  if (step === task.steps - 1) return exchange.finish('stop');
  exchange.sendRaw(toChunkFrame({ tool_calls: [{ index: 0, ...toToolCall(asked, task) }] }));
  exchange.finish('tool_calls');
}

/** What is asked, and which answer is due: one more than there are behind the words of the user. */
function readQuestion(messages: readonly ChatMessage[]): { readonly task: Task; readonly step: number } {
  const asked = messages.findLastIndex((message) => message.role === 'user');
  const step = messages.slice(asked + 1).filter((message) => message.role === 'assistant').length;
  return { task: Task.parse(JSON.parse(String(messages[asked]?.content))), step };
}

/** Each piece bears its mark, so that it can be told later whose words were kept. @returns false when whoever asked has left */
async function speak(exchange: ModelExchange, { id }: ModelCall, task: Task, random: Random): Promise<boolean> {
  let hasLeft = false;
  void exchange.aborted.then(() => {
    hasLeft = true;
  });
  for (let piece = 0; piece < task.pieces; piece += 1) {
    await pause((task.stepMs / task.pieces) * 2 * random.next());
    if (hasLeft) return false;
    exchange.sendText(`${id} ${piece} `);
  }
  return true;
}

function toToolCall(asked: ModelCall, { toolMs }: Task) {
  return { id: toToolCallId(asked), type: 'function', function: { name: TOOL, arguments: JSON.stringify({ takesMs: toolMs }) } };
}
