import { ACTION_AUDIENCE, GRANT_AUDIENCE, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { SignJWT } from 'jose';
import { type ActionSubject, mintActionBearer, verifyActionBearer } from '../src/action-bearer.ts';
import { type GrantSubject, mintGrant, verifyGrant } from '../src/grant.ts';
import type { BearerAudience, BearerKeys } from '../src/keys.ts';
import { type BearerSubject, mintBearer } from '../src/mint.ts';
import { verifyBearer } from '../src/verify.ts';

export const SECRET = 'kJ8vQ2nX5bR9tY4wZ7mC1pL6dF3gH0sA';
export const FORMER_SECRET = 'aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC';
export const NOW_MS = Date.UTC(2026, 0, 1);
export const NOW_SECONDS = NOW_MS / 1_000;

const RUN_ID = `run_${'0a'.repeat(16)}`;
const TOKEN_ID = `tok_${'7z'.repeat(12)}`;

export const GRANT_SUBJECT: GrantSubject = { tenantId: 'acme', sessionId: 'whatsapp:1', senderId: '+15550100', runId: RUN_ID };
export const DATA_SUBJECT: BearerSubject = { ...GRANT_SUBJECT, scope: ['tools:read', 'tools:write'] };
export const ACTION_SUBJECT: ActionSubject = {
  tenantId: 'acme',
  tokenId: TOKEN_ID,
  actionId: 'nightly-report',
  scopes: ['chat:write', 'run:read'],
};

/** One kind of token as its makers and readers see it. */
export interface Kind {
  readonly name: string;
  readonly type: string;
  readonly audience: BearerAudience;
  readonly refusalCode: string;
  readonly minLifeSeconds: number;
  readonly maxLifeSeconds: number;
  /** What a good token says beside `aud`, `iat` and `exp`. */
  readonly claims: Readonly<Record<string, unknown>>;
  mint(keys: BearerKeys, nowMs?: number): Promise<string>;
  verify(keys: BearerKeys, token: string, nowMs?: number): Promise<object>;
}

const speaker = { tenant: 'acme', session: 's', sender: '+1', run: RUN_ID, token: TOKEN_ID };
const jti = '00000000-0000-4000-8000-000000000000';

export const KINDS: readonly Kind[] = [
  {
    name: 'data bearer',
    type: 'rubot-data+jwt',
    audience: MIDDLEWARE_AUDIENCE,
    refusalCode: 'invalid_api_key',
    minLifeSeconds: 60,
    maxLifeSeconds: 900,
    claims: { ...speaker, scope: 'tools:read', jti },
    mint: (keys, nowMs = NOW_MS) => mintBearer({ keys, subject: DATA_SUBJECT, ttlSeconds: 300, nowMs }),
    verify: (keys, bearer, nowMs = NOW_MS) => verifyBearer({ keys, bearer, nowMs }),
  },
  {
    name: 'grant',
    type: 'rubot-grant+jwt',
    audience: GRANT_AUDIENCE,
    refusalCode: 'forbidden',
    minLifeSeconds: 1,
    maxLifeSeconds: 30 * 86_400,
    claims: speaker,
    mint: (keys, nowMs = NOW_MS) => mintGrant({ keys, subject: GRANT_SUBJECT, nowMs }),
    verify: (keys, grant, nowMs = NOW_MS) => verifyGrant({ keys, grant, nowMs }),
  },
  {
    name: 'action bearer',
    type: 'rubot-action+jwt',
    audience: ACTION_AUDIENCE,
    refusalCode: 'invalid_api_key',
    minLifeSeconds: 60,
    maxLifeSeconds: 900,
    claims: { tenant: 'acme', token: TOKEN_ID, action: 'nightly-report', scope: 'chat:write', jti },
    mint: (keys, nowMs = NOW_MS) => mintActionBearer({ keys, subject: ACTION_SUBJECT, ttlSeconds: 300, nowMs }),
    verify: (keys, bearer, nowMs = NOW_MS) => verifyActionBearer({ keys, bearer, nowMs }),
  },
];

export interface Forgery {
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signed with what this audience's tokens are signed with; the right one by default, so that each test shows the one guard it names. */
  readonly keysOf?: BearerAudience;
}

export function forge(keys: BearerKeys, kind: Kind, { payload, header, keysOf = kind.audience }: Forgery = {}): Promise<string> {
  return new SignJWT({ ...kind.claims, aud: kind.audience, iat: NOW_SECONDS, exp: NOW_SECONDS + 300, ...payload })
    .setProtectedHeader({ alg: 'HS256', typ: kind.type, kid: keys[kind.audience].current.keyId, ...header })
    .sign(keys[keysOf].current.key);
}

/** Why a kind refuses a token, for the operator; `undefined` for one that it takes. Any other way of failing is thrown. */
export async function reasonFor(kind: Kind, keys: BearerKeys, token: string, nowMs?: number): Promise<string | undefined> {
  try {
    await kind.verify(keys, token, nowMs);
    return undefined;
  } catch (error) {
    if (RubotError.is(error) && error.code === kind.refusalCode) return error.operatorDetail ?? 'without a reason';
    throw error;
  }
}
