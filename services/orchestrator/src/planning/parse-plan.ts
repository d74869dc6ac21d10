import { SliceId } from '@rubot/contracts/ids';
import { RubotError } from '@rubot/errors';
import { z } from 'zod';
import type { DescribedAgent } from '../agents/eligible.ts';
import type { PlannedSlice } from './plan.ts';

export const MAX_SLICES = 3;
const MAX_TASK_CHARACTERS = 4_000;

/** What a planner model is asked to answer; whether it makes sense is checked apart. */
const ModelPlan = z.object({
  slices: z
    .array(
      z.object({
        id: SliceId,
        agent_id: z.string(),
        task: z.string().min(1).max(MAX_TASK_CHARACTERS),
        depends_on: z.array(z.string()).max(MAX_SLICES),
      }),
    )
    .min(1)
    .max(MAX_SLICES),
});

export interface ParsePlanOptions {
  readonly offered: readonly DescribedAgent[];
  readonly maxSlices: number;
}

/**
 * A model's plan as slices in an order in which they can run. The problem that is reported quotes nothing of the
 * plan but positions, as a model's words may be a user's.
 *
 * @throws RubotError `upstream_failed`, with the problem as operator detail
 */
export function parsePlan(value: unknown, { offered, maxSlices }: ParsePlanOptions): readonly PlannedSlice[] {
  const parsed = ModelPlan.safeParse(value);
  if (!parsed.success) {
    throw unusable(parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'plan'}: ${issue.code}`).join('; '));
  }
  const { slices } = parsed.data;
  if (slices.length > maxSlices) throw unusable(`${slices.length} slices where ${maxSlices} may be`);
  const planned = slices.map(({ agent_id, id, task, depends_on }, index): PlannedSlice => {
    const described = offered.find(({ agent }) => agent.id === agent_id);
    if (described === undefined) throw unusable(`slices.${index}.agent_id is not an offered agent`);
    return { id, agent: described.agent, agentName: described.capabilities.name, task, dependsOn: depends_on };
  });
  if (new Set(planned.map((slice) => slice.id)).size < planned.length) throw unusable('two slices have one id');
  return toRunnableOrder(planned);
}

/** Dependencies first, else as planned. The merge relies on it: whatever is streamed waits only for what was streamed before. */
function toRunnableOrder(slices: readonly PlannedSlice[]): readonly PlannedSlice[] {
  const ordered: PlannedSlice[] = [];
  while (ordered.length < slices.length) {
    const next = slices.find(
      (slice) => !ordered.includes(slice) && slice.dependsOn.every((id) => ordered.some((earlier) => earlier.id === id)),
    );
    if (next === undefined) throw unusable('slices depend on each other in a circle, or on one that is not there');
    ordered.push(next);
  }
  return ordered;
}

function unusable(problem: string): RubotError {
  return new RubotError('upstream_failed', 'The planner gave no usable plan.', { operatorDetail: problem });
}
