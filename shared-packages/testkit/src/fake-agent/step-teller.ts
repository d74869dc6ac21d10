import type { StepEvent } from '@rubot/contracts/agent';
import { addUsage, NO_USAGE } from '@rubot/contracts/chat-response';
import { toStepFrame } from '../fake-agent.ts';
import type { ModelExchange } from '../model-upstream.ts';

/**
 * Tells the steps of one answer as an agent does: what was said in a step, then its event. A step with a finish reason or
 * with calls `pending` ends the stream as the contract has it; behind any other the stream stays open for the next.
 */
export function createStepTeller(exchange: ModelExchange): (step: StepEvent) => void {
  let usage = NO_USAGE;
  let hasSpoken = false;

  return function tellStep(step) {
    for (const { role, content } of step.messages) {
      if (role !== 'assistant' || typeof content !== 'string' || content === '') continue;
      // The words of two steps are two paragraphs.
      exchange.sendText(hasSpoken ? `\n\n${content}` : content);
      hasSpoken = true;
    }
    usage = addUsage(usage, step.usage);
    exchange.sendRaw(toStepFrame(step));
    if ((step.pending ?? []).length > 0) exchange.finish(null, usage);
    else if (typeof step.finish_reason === 'string') exchange.finish(step.finish_reason, usage);
  };
}
