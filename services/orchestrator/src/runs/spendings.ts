import { addUsage, NO_USAGE, type Usage } from '@rubot/contracts/chat-response';
import { PLANNER, type Spending } from '../limits/prices.ts';
import type { ClaimedRun } from './run-store.ts';

/** What a run has cost by what is on record of it: its plan and its finished steps. They are paid for, whoever ends it. */
export function listSpendings({ plan, steps }: Pick<ClaimedRun, 'plan' | 'steps'>): readonly Spending[] {
  const planning = plan === undefined ? [] : [{ by: PLANNER, usage: plan.usage }];
  return [...planning, ...steps.map(({ agentId, step }) => ({ by: agentId, usage: step.usage }))];
}

export function sumSpendings(spendings: readonly Spending[]): Usage {
  return spendings.reduce((total, { usage }) => addUsage(total, usage), NO_USAGE);
}
