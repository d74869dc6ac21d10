import type { ResolveApiTokenRequest } from '@rubot/contracts/api-tokens';
import { PLATFORM_CHAIN } from '@rubot/contracts/audit';
import { isTokenSender } from '@rubot/contracts/ids';
import type { Limits } from '@rubot/contracts/limits';

/** The client of an API token, by the token itself or by a bearer of one of its actions. */
export interface TokenAuthority {
  readonly kind: 'token';
  readonly via: 'token' | 'action';
  readonly tokenId: string;
  readonly tenantId: string;
  /** With an action, what is left of the token's after the action's. */
  readonly scopes: readonly string[];
  readonly limits: Limits;
  /** When the credential ends by itself. */
  readonly endsAtMs: number;
  /** Whether it has ended before is found out by asking this again. */
  readonly question: ResolveApiTokenRequest;
}

/** In whose right a request is made. */
export type Authority = TokenAuthority | { readonly kind: 'operator' } | { readonly kind: 'chat_source' };

/** How the audit names whoever acts. */
export function toActor(authority: Authority): string {
  return authority.kind === 'token' ? `token:${authority.tokenId}` : authority.kind;
}

/** How it names a sender who acts for himself. */
export function toSenderActor(senderId: string): string {
  return isTokenSender(senderId) ? senderId : `sender:${senderId}`;
}

/** The chain on which it is put on record what such a caller was refused. */
export function toAuditChain(authority: Authority): string {
  return authority.kind === 'token' ? authority.tenantId : PLATFORM_CHAIN;
}
