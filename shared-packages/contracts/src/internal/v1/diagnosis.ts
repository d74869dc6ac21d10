import { z } from 'zod';

/**
 * `POST /challenge` at every service: whoever asks shows, of each secret that both should hold, an HMAC of the nonce under a key
 * derived from it, and is told whether it is the right one. Neither side gives anything away that it was not shown.
 */
export const ChallengeRequest = z.object({
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  proofs: z.record(z.string().max(64), z.string().max(100)),
});
export type ChallengeRequest = z.infer<typeof ChallengeRequest>;

/** `current`, `previous`, `differs`, or `absent` where the service has no secret of that name. */
export const ChallengeResponse = z.looseObject({
  secrets: z.record(z.string(), z.string()),
  /** Only for one who has proved at least one secret. */
  service: z
    .looseObject({
      name: z.string(),
      environment: z.string(),
      deployment_hash: z.string(),
      wire_versions: z.array(z.number().int()),
      now_ms: z.number(),
    })
    .optional(),
});
export type ChallengeResponse = z.infer<typeof ChallengeResponse>;

/** One thing that was looked at. `skipped` names what could not be looked at, and why. */
export const Finding = z.looseObject({
  /** Such as `secret`, `reachable`, `wire`, `clock`, `migrations`, `version`. */
  check: z.string(),
  /** From whom to whom, such as `gateway → middleware`. */
  subject: z.string(),
  status: z.enum(['ok', 'warning', 'problem', 'skipped']),
  /** What is so. */
  message: z.string(),
  /** What breaks if it ships as it is, and what to do. Absent where nothing is wrong. */
  consequence: z.string().optional(),
});
export type Finding = z.infer<typeof Finding>;

/**
 * `POST /admin/diagnosis` at the orchestrator, `POST /v1/diagnosis` at an agent: the gateway's challenge for the middleware is passed
 * on, so that an agent, which holds none of its secrets, can find out whether it reaches the same middleware.
 */
export const DiagnoseRequest = z.object({ middleware_challenge: ChallengeRequest.optional() });
export type DiagnoseRequest = z.infer<typeof DiagnoseRequest>;

/** Also of `GET /admin/diagnosis` at the gateway, and `GET /internal/diagnosis` at the middleware. */
export const Diagnosis = z.looseObject({ findings: z.array(Finding) });
export type Diagnosis = z.infer<typeof Diagnosis>;
