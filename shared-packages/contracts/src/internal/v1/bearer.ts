import { z } from 'zod';
import { RunId, SenderId, SessionId, TenantId } from '../../ids.ts';

export const BEARER_MIN_TTL_SECONDS = 60;
export const BEARER_MAX_TTL_SECONDS = 900;
export const BEARER_DEFAULT_TTL_SECONDS = 300;

/** The one service that accepts data bearers today. */
export const MIDDLEWARE_AUDIENCE = 'rubot-middleware';

export const BEARER_SCOPES = ['connections:read', 'tools:read', 'tools:write'] as const;
export type BearerScope = (typeof BEARER_SCOPES)[number];

/** What the data bearer says of its holder: who, in which run, and what may be touched until when. */
export const BearerClaims = z.object({
  tenant: TenantId,
  session: SessionId,
  sender: SenderId,
  run: RunId,
  scope: z.string().transform((scope) => scope.split(' ')),
  aud: z.literal(MIDDLEWARE_AUDIENCE),
  jti: z.string().min(16).max(64),
  iat: z.number().int(),
  exp: z.number().int(),
});
export type BearerClaims = z.infer<typeof BearerClaims>;

/** `POST /internal/bearers/verify` */
export const VerifyBearerRequest = z.object({ bearer: z.string().min(1).max(4_096) });
export const VerifyBearerResponse = z.looseObject({
  tenant_id: z.string(),
  session_id: z.string(),
  sender_id: z.string(),
  run_id: z.string(),
  scope: z.array(z.string()),
  expires_at: z.string(),
});
export type VerifyBearerResponse = z.infer<typeof VerifyBearerResponse>;
