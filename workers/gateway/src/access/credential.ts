import { hashToken, isApiToken } from '@rubot/bearer/api-token';
import type { ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { ActionClaims } from '@rubot/contracts/bearer';
import { coversScope } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import type { ActionBearers } from '../bearers/action-bearers.ts';
import type { CallContext } from '../clients/middleware.ts';
import type { TokenAuthority } from './authority.ts';
import type { ActiveToken, TokenResolver } from './resolve-token.ts';

export interface CredentialReaders {
  readonly tokens: TokenResolver;
  readonly actionBearers: ActionBearers;
}

/**
 * What an API token, or the bearer of an action, opens. A token that is mistyped is refused without asking anybody.
 *
 * @throws RubotError `invalid_api_key`
 */
export async function readCredential(text: string, readers: CredentialReaders, context: CallContext): Promise<TokenAuthority> {
  if (isApiToken(text)) {
    const question = { hash: await hashToken(text) };
    return { ...toAuthority(toActive(await readers.tokens.ask(question, context))), via: 'token', question };
  }
  if (text.startsWith('rbt_')) throw refuse('This is no whole API token: its checksum is wrong. Copy it again, from rbt_ to its end.');
  const claims = await readers.actionBearers.verify(text);
  return readAction(claims, toActive(await readers.tokens.ask({ token_id: claims.token }, context)));
}

const REFUSALS = {
  unknown: 'There is no such API token. Ask whoever administers the tenant for one.',
  revoked: 'This API token was revoked. Ask whoever administers the tenant for another one.',
  expired: 'This API token has expired. Ask whoever administers the tenant for another one.',
} as const;

/** Also of what was remembered for a moment: a token may have come to its end since. */
export function isActive(answer: ResolveApiTokenResponse): answer is ActiveToken {
  return answer.status === 'active' && Date.parse(answer.expires_at) > Date.now();
}

/** @throws RubotError `invalid_api_key` for a token that opens nothing, or nothing any more */
export function toActive(answer: ResolveApiTokenResponse): ActiveToken {
  if (answer.status !== 'active') throw refuse(REFUSALS[answer.status]);
  if (!isActive(answer)) throw refuse(REFUSALS.expired);
  return answer;
}

function toAuthority(token: ActiveToken): Omit<TokenAuthority, 'via' | 'question'> {
  return {
    kind: 'token',
    tokenId: token.token_id,
    tenantId: token.tenant_id,
    scopes: token.scopes,
    limits: token.limits,
    endsAtMs: Date.parse(token.expires_at),
  };
}

function readAction({ scope, tenant, exp }: ActionClaims, token: ActiveToken): TokenAuthority {
  const authority = toAuthority(token);
  // A token never changes its tenant: this is a bearer that was made of something else.
  if (tenant !== authority.tenantId) throw refuse(REFUSALS.unknown);
  return {
    ...authority,
    via: 'action',
    scopes: scope.filter((held) => coversScope(authority.scopes, held)),
    endsAtMs: Math.min(authority.endsAtMs, exp * 1_000),
    question: { token_id: authority.tokenId },
  };
}

function refuse(message: string): RubotError {
  return new RubotError('invalid_api_key', message);
}
