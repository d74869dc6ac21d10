import type { IssueApiTokenInternally } from '@rubot/contracts/api-tokens';
import type { Limits } from '@rubot/contracts/limits';
import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import type { ApiTokenRow } from '../../store/api-tokens.ts';
import { type Issuing, judgeIssuing } from './judge-issuing.ts';

const NOW_MS = Date.parse('2026-11-01T00:00:00.000Z');
const ISSUER: ApiTokenRow = {
  tokenId: `tok_${'0a'.repeat(12)}`,
  tenantId: 'acme',
  hash: 'h',
  hint: 'rbt_0a',
  name: 'Issuer',
  scopes: ['admin:tokens', 'run:write'],
  limits: { usd_per_day: 5, requests_per_minute: 10 },
  createdAt: '2026-10-01T00:00:00.000Z',
  createdBy: 'operator',
  expiresAt: new Date(NOW_MS + 600_000).toISOString(),
  revokedAt: null,
  lastUsedAt: null,
};
const ASKED: IssueApiTokenInternally = { name: 'Issued', scopes: ['run:read'], ttl_seconds: 600 };

function judge(change: Partial<Issuing> = {}): Limits {
  return judgeIssuing({ issuer: ISSUER, issuerScopes: ISSUER.scopes, asked: ASKED, nowMs: NOW_MS, ...change });
}

function refusalOf(change: Partial<Issuing>): unknown[] {
  try {
    return [judge(change)];
  } catch (thrown) {
    if (!RubotError.is(thrown)) throw thrown;
    return [thrown.code, thrown.operatorDetail, thrown.param ?? null, thrown.message];
  }
}

const says = (text: string) => expect.stringContaining(text);

describe('what a token gives', () => {
  it('is all of its own at the most: its life to the second, its scopes, its limits', () => {
    expect(judge()).toEqual(ISSUER.limits);
    expect(judge({ asked: { ...ASKED, scopes: ['admin:tokens', 'run:write'], limits: ISSUER.limits } })).toEqual(ISSUER.limits);
  });

  it('has smaller limits where they are asked for, and others than the issuer has', () => {
    const limits = { usd_per_day: 4, concurrent_runs: 1 };
    expect(judge({ asked: { ...ASKED, limits } })).toEqual({ usd_per_day: 4, requests_per_minute: 10, concurrent_runs: 1 });
    expect(judge({ issuer: { ...ISSUER, limits: {} } })).toEqual({});
  });

  it.each<[string, Partial<Issuing>, string, string | null, string]>([
    ['by nobody', { issuer: undefined }, 'issuer_unknown', null, 'not one of this tenant'],
    ['once it was revoked', { issuer: { ...ISSUER, revokedAt: ISSUER.createdAt } }, 'issuer_ended', null, 'revoked or has expired'],
    ['in its last second', { nowMs: NOW_MS + 599_001 }, 'issuer_ended', null, 'revoked or has expired'],
    ['without its scope for it', { issuer: { ...ISSUER, scopes: ['run:write'] } }, 'scope_missing', null, 'lacks the scope admin:tokens'],
    ['in a request without that scope', { issuerScopes: ['run:write'] }, 'scope_missing', null, 'lacks the scope admin:tokens'],
    [
      'with scopes that it lacks',
      { asked: { ...ASKED, scopes: ['chat:write', 'run:read', 'trace:read'] } },
      'scopes_exceed_issuer',
      'scopes',
      'Leave out: chat:write, trace:read.',
    ],
    ['with scopes that the request lacks', { issuerScopes: ['admin:tokens'] }, 'scopes_exceed_issuer', 'scopes', 'Leave out: run:read.'],
    ['for a second longer', { asked: { ...ASKED, ttl_seconds: 601 } }, 'lifetime_exceeds_issuer', 'ttl_seconds', 'for 600 more seconds'],
    ['for a second that is not whole', { nowMs: NOW_MS + 1 }, 'lifetime_exceeds_issuer', 'ttl_seconds', 'for 599 more seconds'],
    [
      'with limits above its own',
      { asked: { ...ASKED, limits: { usd_per_day: 5.01, requests_per_minute: 11, concurrent_runs: 1 } } },
      'limits_exceed_issuer',
      'limits',
      'to hand on its own: usd_per_day, requests_per_minute.',
    ],
  ])('is refused %s', (_name, change, reason, param, words) => {
    expect(refusalOf(change)).toEqual(['forbidden', reason, param, says(words)]);
  });
});
