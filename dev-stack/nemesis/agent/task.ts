import { z } from 'zod';

/** What a run of a nemesis is to do, as the words of its user: the model keeps nothing between two calls, as no model does, and reads it anew in each. */
export const Task = z.strictObject({
  /** Answers of the model. All but the last call a tool that changes something. */
  steps: z.number().int().positive(),
  /** Pieces of text that a step is streamed in. */
  pieces: z.number().int().positive(),
  /** About how long a step takes, and a tool. */
  stepMs: z.number().nonnegative(),
  toolMs: z.number().nonnegative(),
  /** Whoever works on it dies of it. */
  isPoison: z.boolean().optional(),
});
export type Task = z.infer<typeof Task>;
