import { NO_USAGE, type PendingToolCall, type RubotReport, type Usage } from '@rubot/contracts/chat-response';
import { type AnswerEnd, type AnswerPart, toTextPart } from './answer.ts';
import { PARAGRAPH } from './replay.ts';

/** How an answer ends for whoever reads along while persons have to decide. It goes on later, behind what was said before. */
export interface ApprovalEnd {
  readonly parts: readonly AnswerPart[];
  readonly end: AnswerEnd;
}

export interface ApprovalEndOptions {
  /** False where these are the first words of the answer. */
  readonly hasSpoken: boolean;
  readonly usage?: Usage;
  readonly report?: Pick<RubotReport, 'planner' | 'slices'>;
}

export function toApprovalEnd(
  runId: string,
  calls: readonly PendingToolCall[],
  { hasSpoken, usage = NO_USAGE, report = {} }: ApprovalEndOptions,
): ApprovalEnd {
  const tools = [...new Set(calls.map(({ name }) => `\`${name}\``))].join(', ');
  const notice = `(Waiting for a person to approve ${tools}. The answer goes on when that is decided.)`;
  return {
    parts: [toTextPart(hasSpoken ? `${PARAGRAPH}${notice}` : notice)],
    end: {
      // No agent has given a reason, and none of OpenAI's means waiting: clients take this one for "nothing more comes now".
      finishReason: 'stop',
      report: { ...report, run_id: runId, status: 'requires_action', required_action: { tool_calls: [...calls] } },
      usage,
    },
  };
}
