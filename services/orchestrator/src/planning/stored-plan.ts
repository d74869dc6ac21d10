import type { Usage } from '@rubot/contracts/chat-response';
import { RubotError } from '@rubot/errors';
import type { AgentDirectory } from '../agents/directory.ts';
import type { ChosenPlan } from './choose-plan.ts';
import type { Plan, PlannedSlice } from './plan.ts';

/** A plan as it is kept with its run, so that whoever resumes the run follows the same one. */
export interface StoredPlan {
  readonly planner: Plan['planner'];
  readonly usage: Usage;
  readonly slices: readonly (Omit<PlannedSlice, 'agent'> & { readonly agentId: string })[];
}

export function storePlan({ plan, usage }: ChosenPlan): StoredPlan {
  return { planner: plan.planner, usage, slices: plan.slices.map(({ agent, ...slice }) => ({ ...slice, agentId: agent.id })) };
}

/** @throws RubotError `unavailable` when an agent of the plan is no longer registered */
export function restorePlan({ planner, usage, slices }: StoredPlan, { agents }: AgentDirectory): ChosenPlan {
  const restored = slices.map(({ agentId, ...slice }) => {
    const agent = agents.get(agentId);
    if (agent === undefined) throw gone(agentId);
    return { ...slice, agent };
  });
  return { plan: { planner, slices: restored }, usage };
}

function gone(agentId: string): RubotError {
  return new RubotError('unavailable', `The agent ${agentId}, which had begun this answer, is gone. Ask again.`, { retryable: false });
}
