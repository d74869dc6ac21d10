import { z } from 'zod';

/**
 * The planner's user message: JSON text in this shape. Real models read it together with their instructions; the demo
 * model recognises it and plans by word overlap.
 */
export const PlannerPrompt = z.looseObject({
  task: z.literal('plan'),
  agents: z.array(z.looseObject({ id: z.string(), name: z.string(), summary: z.string() })).min(1),
  question: z.string(),
  earlier: z
    .array(z.looseObject({ role: z.string(), text: z.string() }))
    .readonly()
    .optional(),
  max_slices: z.number().optional(),
});
export type PlannerPrompt = z.infer<typeof PlannerPrompt>;

export function toPlannerPrompt(prompt: Omit<PlannerPrompt, 'task'>): string {
  return JSON.stringify({ task: 'plan', ...prompt });
}
