import { SLOT_TYPES, type SlotType } from '@rubot/contracts/agent';
import type { AgentDirectory } from '../agents/directory.ts';
import type { ChosenPlan } from '../planning/choose-plan.ts';
import { storePlan } from '../planning/stored-plan.ts';
import type { Run } from '../runs/run.ts';
import { RunMovedError } from '../runs/run-moved.ts';
import { withJitter } from './backoff.ts';

export interface SettleRunDeps {
  readonly directory: AgentDirectory;
  /** How many runs an agent may have at a time, over all processes; one that is not named has no limit. */
  readonly agentLimits: ReadonlyMap<string, number>;
}

/** How long a run waits before it asks again for an agent that is at its limit. */
const FULL_AGENT_DELAY_MS = 1_000;

/**
 * Sees that a run is where its agents can be had, now that it is known who they are.
 *
 * @throws RunMovedError when the run was put back into the queue, plan and all: for a slot of another type, or until an agent is free
 */
export async function settleRun(run: Run, chosen: ChosenPlan, deps: SettleRunDeps): Promise<void> {
  const agents = chosen.plan.slices.map(({ agent }) => agent);
  const slotType = await findSlotType(chosen, deps);
  const { writer } = run.recorder;
  if (slotType !== run.slotType) {
    await writer.moveTo(slotType, 0, storePlan(chosen));
    throw new RunMovedError();
  }
  const full = await writer.occupy([...new Set(agents.map(({ id }) => id))], deps.agentLimits);
  if (full.length === 0) return;
  await writer.moveTo(slotType, withJitter(FULL_AGENT_DELAY_MS), storePlan(chosen));
  throw new RunMovedError();
}

/** One slot is enough for a run, and the rarest kind that an agent of it needs is the one. */
async function findSlotType({ plan }: ChosenPlan, { directory }: SettleRunDeps): Promise<SlotType> {
  const described = await Promise.all(plan.slices.map(({ agent }) => directory.capabilities.get(agent)));
  return SLOT_TYPES.findLast((type) => described.some((capabilities) => capabilities?.slot_type === type)) ?? 'cpu';
}
