import { z } from 'zod';

/** The variable in which the workers host finds what to run, as JSON. */
export const HOSTED_WORKERS_VARIABLE = 'RUBOT_HOSTED_WORKERS_JSON';

export const HostedWorkers = z.object({
  persistDirectory: z.string().optional(),
  workers: z.array(z.object({ directory: z.url(), variables: z.record(z.string(), z.string()), port: z.number().int() })),
});
export type HostedWorkers = z.infer<typeof HostedWorkers>;
