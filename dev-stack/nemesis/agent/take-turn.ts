import { setTimeout as pause } from 'node:timers/promises';
import type { StepEvent } from '@rubot/contracts/agent';
import type { ChatMessage, ToolCall } from '@rubot/contracts/chat-request';
import { NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { toStepFrame } from '@rubot/testkit/fake-agent';
import type { ModelExchange } from '@rubot/testkit/model-upstream';
import type { Random } from '../random.ts';
import { fromToolCallId, type Ledger, type ModelCall, toToolCallId } from './ledger.ts';
import { readTurn, type Turn } from './read-turn.ts';

/** Who asks, and what the world is told of it. */
export interface TurnOptions {
  readonly seat: string;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly takePoison: () => void;
}

const USAGE: Usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const PARAGRAPH = '\n\n';

/** Answers as the agent kit does: calls on record first, then the model, step by step, until it has said its last word or a call is held. */
export async function takeTurn(exchange: ModelExchange, { seat, ledger, random, takePoison }: TurnOptions): Promise<void> {
  const turn = readTurn(exchange);
  const listener = listen(exchange);
  if (turn.task.isPoison === true) takePoison();
  if (turn.openCalls.length > 0) {
    const results = await runTools(turn, turn.openCalls, ledger);
    listener.send(toStepFrame({ index: turn.doneSteps, messages: results, usage: NO_USAGE }));
  }
  for (let step = turn.doneSteps; step < turn.task.steps && !listener.hasLeft(); step += 1) {
    const asked = ledger.askModel({ runId: turn.runId, step, seat });
    const text = await speak(turn, asked, { listener, random });
    if (step === turn.task.steps - 1) {
      listener.send(toStepFrame({ ...toStep(asked, text, []), finish_reason: 'stop' }));
      return listener.finish('stop');
    }
    const call = toToolCall(asked);
    const told = toStep(asked, text, [call]);
    if (turn.isHeld) {
      listener.send(toStepFrame({ ...told, pending: [{ tool_call_id: call.id, awaits: 'commit' }] }));
      return listener.finish(null);
    }
    if (listener.hasLeft()) return;
    const results = await runTools(turn, [call], ledger);
    listener.send(toStepFrame({ ...told, messages: [...told.messages, ...results] }));
  }
}

/** The model's words, each piece with its mark, so that it can be told later whose words were kept. */
async function speak(
  { task }: Turn,
  { id, step }: ModelCall,
  { listener, random }: { readonly listener: Listener; readonly random: Random },
): Promise<string> {
  let text = '';
  for (let piece = 0; piece < task.pieces && !listener.hasLeft(); piece += 1) {
    await pause((task.stepMs / task.pieces) * 2 * random.next());
    const words = `${id} ${piece} `;
    const isLaterParagraph = piece === 0 && step > 0;
    listener.say(`${isLaterParagraph ? PARAGRAPH : ''}${words}`);
    text += words;
  }
  return text;
}

function toStep({ step }: ModelCall, text: string, calls: readonly ToolCall[]): StepEvent {
  const message: ChatMessage = { role: 'assistant', content: text, ...(calls.length === 0 ? {} : { tool_calls: [...calls] }) };
  return { index: step, messages: [message], usage: USAGE };
}

function toToolCall(asked: ModelCall): ToolCall {
  return { id: toToolCallId(asked), type: 'function', function: { name: 'world_change', arguments: '{}' } };
}

/** Once begun they go on, whoever has left: what is far away cannot be called back. */
async function runTools({ runId, task, idempotencyKeyOf }: Turn, calls: readonly ToolCall[], ledger: Ledger): Promise<ChatMessage[]> {
  return Promise.all(
    calls.map(async ({ id }): Promise<ChatMessage> => {
      await pause(task.toolMs / 2);
      ledger.callTool({ key: idempotencyKeyOf(id), runId, ...fromToolCallId(id) });
      await pause(task.toolMs / 2);
      return { role: 'tool', tool_call_id: id, content: `"changed by ${id}"` };
    }),
  );
}

/** Whoever reads the answer, for as long as it does. */
interface Listener {
  hasLeft(): boolean;
  say(text: string): void;
  send(frames: string): void;
  /** Ends the stream as a whole one; without a reason where calls are held. */
  finish(reason: 'stop' | null): void;
}

function listen(exchange: ModelExchange): Listener {
  let left = false;
  void exchange.aborted.then(() => {
    left = true;
  });
  const unlessLeft = (act: () => void): void => {
    if (!left) act();
  };
  return {
    hasLeft: () => left,
    say: (text) => unlessLeft(() => exchange.sendText(text)),
    send: (frames) => unlessLeft(() => exchange.sendRaw(frames)),
    finish: (reason) => unlessLeft(() => exchange.finish(reason)),
  };
}
