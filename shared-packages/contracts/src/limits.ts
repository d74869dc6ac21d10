import { z } from 'zod';
import { TokenId } from './ids.ts';

const MAX_COUNT = 1_000_000_000;
const MAX_USD = 1_000_000;

/** What somebody may use up; what is absent is not limited. */
export const Limits = z.strictObject({
  /** Runs that are begun, by a completion or in the background. */
  requests_per_minute: z.number().int().min(0).max(MAX_COUNT).optional(),
  /** Of the model, in and out. */
  tokens_per_minute: z.number().int().min(0).max(MAX_COUNT).optional(),
  /** Runs that wait, are worked on, or wait for a person. */
  concurrent_runs: z.number().int().min(0).max(MAX_COUNT).optional(),
  /** Calendar days and months in UTC. */
  usd_per_day: z.number().min(0).max(MAX_USD).optional(),
  usd_per_month: z.number().min(0).max(MAX_USD).optional(),
});
export type Limits = z.infer<typeof Limits>;

/** What one request for a run is limited by, beside the limits of the whole deployment. Read tolerantly: a limit that a reader does not know cannot be kept by it. */
const TolerantLimits = z.object(Limits.shape);
export const CallerLimits = z.object({
  tenant: TolerantLimits.optional(),
  token: z.object({ id: TokenId, limits: TolerantLimits }).optional(),
});
export type CallerLimits = z.infer<typeof CallerLimits>;

/** Headers that tell a client where it stands, as OpenAI names them. */
export const RATE_LIMIT_HEADERS = [
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-requests',
  'x-ratelimit-reset-requests',
  'x-ratelimit-limit-tokens',
  'x-ratelimit-remaining-tokens',
  'x-ratelimit-reset-tokens',
] as const;
export type RateLimitHeader = (typeof RATE_LIMIT_HEADERS)[number];
