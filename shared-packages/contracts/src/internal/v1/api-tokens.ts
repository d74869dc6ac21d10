import { z } from 'zod';
import { ActionId, TenantId, TokenId } from '../../ids.ts';
import { Limits } from '../../limits.ts';
import { ClientScopes } from '../../scopes.ts';

export const TOKEN_MAX_TTL_SECONDS = 366 * 86_400;
const HANDLE_TTL_SECONDS = z.number().int().min(60).max(TOKEN_MAX_TTL_SECONDS);
/** SHA-256 in hex. */
const Hash = z.string().regex(/^[0-9a-f]{64}$/);

/** `POST /admin/tenants/:tenant/tokens` at the gateway. */
export const IssueApiToken = z.strictObject({
  name: z.string().trim().min(1).max(120),
  scopes: ClientScopes,
  ttl_seconds: z.number().int().min(60).max(TOKEN_MAX_TTL_SECONDS),
  limits: Limits.optional(),
  /** A handle is made too, with all the scopes of the token, that resolves for this action alone. */
  action_id: ActionId.optional(),
});
export type IssueApiToken = z.infer<typeof IssueApiToken>;

/** `POST /internal/tenants/:tenant/tokens` at the middleware: who issues may give no more than it holds. */
export const IssueApiTokenInternally = IssueApiToken.extend({
  /** Absent for the operator, who may give everything. */
  issuer: z.strictObject({ token_id: TokenId, scopes: ClientScopes }).optional(),
});
export type IssueApiTokenInternally = z.infer<typeof IssueApiTokenInternally>;

export const ApiToken = z.looseObject({
  token_id: z.string(),
  tenant_id: z.string(),
  name: z.string(),
  /** The first characters of the token, by which a person knows it again. */
  hint: z.string(),
  scopes: z.array(z.string()),
  limits: z.looseObject({}),
  created_at: z.string(),
  created_by: z.string(),
  expires_at: z.string(),
  revoked_at: z.string().nullable(),
  /** To the minute. */
  last_used_at: z.string().nullable(),
});
export type ApiToken = z.infer<typeof ApiToken>;

/** Told once: neither the token nor the handle can be had again. */
export const IssuedApiToken = z.looseObject({
  ...ApiToken.shape,
  token: z.string(),
  action_handle: z.string().optional(),
  action_id: z.string().optional(),
});
export type IssuedApiToken = z.infer<typeof IssuedApiToken>;

export const ApiTokenList = z.looseObject({ object: z.literal('list'), data: z.array(ApiToken), next_cursor: z.string().optional() });
export type ApiTokenList = z.infer<typeof ApiTokenList>;

export const ListApiTokensQuery = z.object({
  cursor: TokenId.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type ListApiTokensQuery = z.infer<typeof ListApiTokensQuery>;

/** `POST /internal/tokens/resolve` at the middleware: by the hash of the token, or by its id where a bearer made from it names it. */
export const ResolveApiTokenRequest = z.union([z.object({ hash: Hash }), z.object({ token_id: TokenId })]);
export type ResolveApiTokenRequest = z.infer<typeof ResolveApiTokenRequest>;

/** A token that opens nothing is an answer and not an error: the gateway refuses in its own words. */
export const ResolveApiTokenResponse = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('active'),
    token_id: TokenId,
    tenant_id: TenantId,
    /** Strings, so that a reader survives a scope that it does not know, which then opens nothing. */
    scopes: z.array(z.string()),
    limits: z.looseObject({}),
    expires_at: z.string(),
  }),
  z.looseObject({ status: z.literal('unknown') }),
  z.looseObject({ status: z.literal('revoked') }),
  z.looseObject({ status: z.literal('expired') }),
]);
export type ResolveApiTokenResponse = z.infer<typeof ResolveApiTokenResponse>;

/** `POST /v1/action-bearers` at the gateway, by the holder of the token itself. */
export const RedeemActionHandle = z.strictObject({
  handle: z.string().min(1).max(200),
  action_id: ActionId,
  scopes: ClientScopes,
  ttl_seconds: z.number().int().min(60).max(900).default(300),
});
export type RedeemActionHandle = z.infer<typeof RedeemActionHandle>;

/** `POST /internal/action-handles/redeem` at the middleware. 204, or `forbidden`. */
export const RedeemActionHandleInternally = z.object({
  token_id: TokenId,
  handle_hash: Hash,
  action_id: ActionId,
  scopes: ClientScopes,
});
export type RedeemActionHandleInternally = z.infer<typeof RedeemActionHandleInternally>;

export const ActionBearerResponse = z.looseObject({ bearer: z.string(), expires_in_seconds: z.number().int() });
export type ActionBearerResponse = z.infer<typeof ActionBearerResponse>;

/** `POST /admin/tenants/:tenant/tokens/:tokenId/action-handles` */
export const IssueActionHandle = z.strictObject({
  action_id: ActionId,
  scopes: ClientScopes,
  ttl_seconds: HANDLE_TTL_SECONDS.optional(),
});
export type IssueActionHandle = z.infer<typeof IssueActionHandle>;

export const IssuedActionHandle = z.looseObject({
  action_handle: z.string(),
  action_id: z.string(),
  token_id: z.string(),
  scopes: z.array(z.string()),
  expires_at: z.string(),
});
export type IssuedActionHandle = z.infer<typeof IssuedActionHandle>;
