import { z } from 'zod';

/** The variable in which the host of PostgreSQL finds what to run, as JSON. */
export const HOSTED_POSTGRES_VARIABLE = 'RUBOT_HOSTED_POSTGRES_JSON';

export const HostedPostgres = z.object({ directory: z.string(), port: z.number().int(), password: z.string() });
export type HostedPostgres = z.infer<typeof HostedPostgres>;
