import { hashToken, makeApiToken } from '@rubot/bearer/api-token';
import type { ResolveApiTokenRequest, ResolveApiTokenResponse } from '@rubot/contracts/api-tokens';
import type { ActionClaims } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { describe, expect, it } from 'vitest';
import type { CallContext } from '../clients/middleware.ts';
import { type CredentialReaders, isActive, readCredential } from './credential.ts';
import type { ActiveToken } from './resolve-token.ts';

const TOKEN_ID = `tok_${'7z'.repeat(12)}`;
const SOON_MS = Date.now() + 60_000;
const ACTIVE: ActiveToken = {
  status: 'active',
  token_id: TOKEN_ID,
  tenant_id: 'acme',
  scopes: ['run:write', 'trace:read'],
  limits: { requests_per_minute: 5 },
  expires_at: new Date(SOON_MS).toISOString(),
};
const CLAIMS: ActionClaims = {
  tenant: 'acme',
  token: TOKEN_ID,
  action: 'report',
  scope: ['run:read', 'chat:write', 'run:write'],
  aud: 'rubot-gateway/clients',
  jti: crypto.randomUUID(),
  iat: Math.floor(Date.now() / 1_000),
  exp: Math.floor(Date.now() / 1_000) + 30,
};
// Nothing in here looks at it.
const CONTEXT = {} as CallContext;

function readersOf(answer: ResolveApiTokenResponse, claims: ActionClaims = CLAIMS) {
  const asked: ResolveApiTokenRequest[] = [];
  const readers = {
    tokens: {
      async ask(question: ResolveApiTokenRequest) {
        asked.push(question);
        return answer;
      },
    },
    actionBearers: { verify: async () => claims },
  } as unknown as CredentialReaders;
  return { readers, asked };
}

async function refusalOf(text: string, readers: CredentialReaders): Promise<string> {
  const refusal = await readCredential(text, readers, CONTEXT).catch((error: unknown) => error);
  if (RubotError.is(refusal) && refusal.code === 'invalid_api_key') return refusal.message;
  throw new Error('it was not refused as it should be', { cause: refusal });
}

describe('an API token', () => {
  it('opens what is said of its hash, until it ends', async () => {
    const text = makeApiToken();
    const { readers, asked } = readersOf(ACTIVE);
    const question = { hash: await hashToken(text) };
    expect(await readCredential(text, readers, CONTEXT)).toEqual({
      kind: 'token',
      via: 'token',
      tokenId: TOKEN_ID,
      tenantId: 'acme',
      scopes: ['run:write', 'trace:read'],
      limits: { requests_per_minute: 5 },
      endsAtMs: SOON_MS,
      question,
    });
    expect(asked).toEqual([question]);
  });

  it('that is mistyped is refused without asking anybody, and said to be so', async () => {
    const text = makeApiToken();
    const { readers, asked } = readersOf(ACTIVE);
    const mistyped = text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a');
    expect(await refusalOf(mistyped, readers)).toMatch(/its checksum is wrong/);
    expect(asked).toEqual([]);
  });

  it.each([
    [{ status: 'unknown' }, /no such API token/],
    [{ status: 'revoked' }, /was revoked/],
    [{ status: 'expired' }, /has expired/],
    [{ ...ACTIVE, expires_at: new Date(Date.now() - 1_000).toISOString() }, /has expired/],
    [{ ...ACTIVE, expires_at: 'never' }, /has expired/],
  ] as const)('is refused when it is %j', async (answer, message) => {
    expect(await refusalOf(makeApiToken(), readersOf(answer).readers)).toMatch(message);
    expect(isActive(answer)).toBe(false);
  });
});

describe('the bearer of an action', () => {
  it('opens what both it and its token open, as long as both last', async () => {
    const { readers, asked } = readersOf(ACTIVE);
    expect(await readCredential('a.b.c', readers, CONTEXT)).toMatchObject({
      via: 'action',
      tokenId: TOKEN_ID,
      scopes: ['run:read', 'run:write'],
      limits: { requests_per_minute: 5 },
      endsAtMs: CLAIMS.exp * 1_000,
      question: { token_id: TOKEN_ID },
    });
    expect(asked).toEqual([{ token_id: TOKEN_ID }]);
    const longer = readersOf(ACTIVE, { ...CLAIMS, exp: CLAIMS.exp + 600 });
    expect(await readCredential('a.b.c', longer.readers, CONTEXT)).toMatchObject({ endsAtMs: SOON_MS });
  });

  it('of another tenant than its token is refused', async () => {
    expect(await refusalOf('a.b.c', readersOf(ACTIVE, { ...CLAIMS, tenant: 'globex' }).readers)).toMatch(/no such API token/);
  });
});
