import type { IssueApiTokenInternally } from '@rubot/contracts/api-tokens';
import type { Limits } from '@rubot/contracts/limits';
import { type ClientScope, coversScope } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import type { RefusalReason } from '../../refusal.ts';
import type { ApiTokenRow } from '../../store/api-tokens.ts';

export interface Issuing {
  /** As it stands in the database: undefined for one that this tenant does not have. */
  readonly issuer: ApiTokenRow | undefined;
  /** What the issuer may in this request, which is no more than what its token may. */
  readonly issuerScopes: readonly ClientScope[];
  readonly asked: IssueApiTokenInternally;
  readonly nowMs: number;
}

/**
 * Who issues in the name of a token gives nothing away that the token does not hold itself: no scope, no lifetime, no limit above its own.
 *
 * @returns the limits of the new token: those of its issuer, where it is asked for none or smaller ones
 * @throws RubotError `forbidden`
 */
export function judgeIssuing({ issuer, issuerScopes, asked, nowMs }: Issuing): Limits {
  if (issuer === undefined) throw refuse('issuer_unknown', 'The issuing token is not one of this tenant.');
  const secondsLeft = Math.floor((Date.parse(issuer.expiresAt) - nowMs) / 1_000);
  if (issuer.revokedAt !== null || secondsLeft <= 0) throw refuse('issuer_ended', 'The issuing token was revoked or has expired.');

  const holds = (scope: ClientScope) => coversScope(issuer.scopes, scope) && coversScope(issuerScopes, scope);
  if (!holds('admin:tokens')) throw refuse('scope_missing', 'The issuing token lacks the scope admin:tokens.');
  const beyond = asked.scopes.filter((scope) => !holds(scope));
  if (beyond.length > 0) {
    throw refuse('scopes_exceed_issuer', `A token can give only scopes that it holds itself. Leave out: ${beyond.join(', ')}.`, 'scopes');
  }
  if (asked.ttl_seconds > secondsLeft) {
    const message = `The issuing token lives for ${secondsLeft} more seconds, and what it issues for no longer. Set a smaller ttl_seconds.`;
    throw refuse('lifetime_exceeds_issuer', message, 'ttl_seconds');
  }
  const raised = namesOf(issuer.limits).filter((name) => (asked.limits?.[name] ?? 0) > (issuer.limits[name] ?? 0));
  if (raised.length > 0) {
    const message = `A token can give no limit above its own. Set smaller ones, or leave them out to hand on its own: ${raised.join(', ')}.`;
    throw refuse('limits_exceed_issuer', message, 'limits');
  }
  return { ...issuer.limits, ...asked.limits };
}

function namesOf(limits: Limits): readonly (keyof Limits)[] {
  return Object.keys(limits) as (keyof Limits)[];
}

function refuse(operatorDetail: RefusalReason, message: string, param?: string): RubotError {
  return new RubotError('forbidden', message, { operatorDetail, param });
}
