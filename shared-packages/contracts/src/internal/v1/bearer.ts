import { z } from 'zod';
import { ActionId, RunId, SenderId, SessionId, TenantId, TokenId } from '../../ids.ts';
import { ClientScopes } from '../../scopes.ts';

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
  /** The API token in whose name the run was begun: with the token, the bearer dies. */
  token: TokenId.optional(),
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

/** Who accepts grants: the gateway, which made them. */
export const GRANT_AUDIENCE = 'rubot-gateway/bearers';

/** How long a run may go on, waiting included, before its sender has to speak again. */
export const GRANT_TTL_SECONDS = 30 * 86_400;

/** What a grant says: on whose behalf, and for which run, fresh data bearers may be asked for. */
export const GrantClaims = z.object({
  tenant: TenantId,
  session: SessionId,
  sender: SenderId,
  run: RunId,
  token: TokenId.optional(),
  aud: z.literal(GRANT_AUDIENCE),
  iat: z.number().int(),
  exp: z.number().int(),
});
export type GrantClaims = z.infer<typeof GrantClaims>;

/** `POST /internal/bearers` at the gateway: a fresh data bearer for the grant of a run, if the binding behind it still holds. */
export const RenewBearerRequest = z.object({ grant: z.string().min(1).max(4_096) });
export const RenewBearerResponse = z.looseObject({ bearer: z.string(), expires_in_seconds: z.number().int() });
export type RenewBearerResponse = z.infer<typeof RenewBearerResponse>;

/** Who accepts action bearers: the gateway, from clients. */
export const ACTION_AUDIENCE = 'rubot-gateway/clients';

/** What an action bearer says: for which action of which token, and what of the token's scopes. With the token, it dies. */
export const ActionClaims = z.object({
  tenant: TenantId,
  token: TokenId,
  action: ActionId,
  scope: z
    .string()
    .transform((scope) => scope.split(' '))
    .pipe(ClientScopes),
  aud: z.literal(ACTION_AUDIENCE),
  jti: z.string().min(16).max(64),
  iat: z.number().int(),
  exp: z.number().int(),
});
export type ActionClaims = z.infer<typeof ActionClaims>;
