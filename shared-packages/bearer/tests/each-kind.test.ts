import { RubotError } from '@rubot/errors';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { mintActionBearer, verifyActionBearer } from '../src/action-bearer.ts';
import { mintGrant, verifyGrant } from '../src/grant.ts';
import { type BearerKeys, importBearerKeys } from '../src/keys.ts';
import { mintBearer } from '../src/mint.ts';
import { verifyBearer } from '../src/verify.ts';
import { ACTION_SUBJECT, DATA_SUBJECT, forge, GRANT_SUBJECT, KINDS, NOW_MS, reasonFor, SECRET } from './_kinds.ts';

const CLAMPED = [
  [1, 60],
  [60, 60],
  [300.9, 300],
  [900, 900],
  [86_400, 900],
] as const;

let keys: BearerKeys;
beforeAll(async () => {
  keys = await importBearerKeys({ current: SECRET, previous: undefined });
});

describe('data bearer', () => {
  const mint = (options: { ttlSeconds?: number; tokenId?: string } = {}) =>
    mintBearer({ keys, subject: { ...DATA_SUBJECT, tokenId: options.tokenId }, ttlSeconds: options.ttlSeconds ?? 300, nowMs: NOW_MS });

  it('carries who, in which run, what may be touched, and until when', async () => {
    const claims = await verifyBearer({ keys, bearer: await mint(), nowMs: NOW_MS });
    const { jti, ...rest } = claims;
    expect(rest).toEqual({
      tenant: 'acme',
      session: 'whatsapp:1',
      sender: '+15550100',
      run: DATA_SUBJECT.runId,
      scope: ['tools:read', 'tools:write'],
      aud: 'rubot-middleware',
      iat: NOW_MS / 1_000,
      exp: NOW_MS / 1_000 + 300,
    });
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('names the API token in whose name the run was begun, and is like no other', async () => {
    const bearers = [await mint({ tokenId: ACTION_SUBJECT.tokenId }), await mint({ tokenId: ACTION_SUBJECT.tokenId })] as const;
    expect(await verifyBearer({ keys, bearer: bearers[0], nowMs: NOW_MS })).toMatchObject({ token: ACTION_SUBJECT.tokenId });
    expect(bearers[0]).not.toBe(bearers[1]);
    expect(decodeJwt(await mint())).not.toHaveProperty('token');
  });

  it.each(CLAMPED)('asked for a life of %d s, gets %i s', async (ttlSeconds, given) => {
    const { iat, exp } = await verifyBearer({ keys, bearer: await mint({ ttlSeconds }), nowMs: NOW_MS });
    expect(exp - iat).toBe(given);
  });

  it('is refused in words that help who holds it and not who forged it', async () => {
    const refusal = await verifyBearer({ keys, bearer: 'x', nowMs: NOW_MS }).catch((error: unknown) => error);
    expect(RubotError.is(refusal) && refusal.message).toBe(
      'The data bearer is not valid here, or has expired. Ask the gateway for a new one.',
    );
  });
});

describe('grant', () => {
  it('says on whose behalf and for which run, for 30 days', async () => {
    const grant = await mintGrant({ keys, subject: GRANT_SUBJECT, nowMs: NOW_MS });
    expect(await verifyGrant({ keys, grant, nowMs: NOW_MS })).toEqual({
      tenant: 'acme',
      session: 'whatsapp:1',
      sender: '+15550100',
      run: GRANT_SUBJECT.runId,
      aud: 'rubot-gateway/bearers',
      iat: NOW_MS / 1_000,
      exp: NOW_MS / 1_000 + 30 * 86_400,
    });
  });

  it('names the API token in whose name the run was begun', async () => {
    const grant = await mintGrant({ keys, subject: { ...GRANT_SUBJECT, tokenId: ACTION_SUBJECT.tokenId }, nowMs: NOW_MS });
    expect(await verifyGrant({ keys, grant, nowMs: NOW_MS })).toMatchObject({ token: ACTION_SUBJECT.tokenId });
  });

  it('is refused as a run that may not go on, not as a wrong key', async () => {
    const refusal = await verifyGrant({ keys, grant: 'x', nowMs: NOW_MS }).catch((error: unknown) => error);
    expect(RubotError.is(refusal) && [refusal.code, refusal.message]).toEqual([
      'forbidden',
      'The grant of this run is not valid here, or has expired. The sender has to ask again.',
    ]);
  });
});

describe('action bearer', () => {
  const mint = (ttlSeconds = 300) => mintActionBearer({ keys, subject: ACTION_SUBJECT, ttlSeconds, nowMs: NOW_MS });

  it('carries which token, for which action, with which of its scopes, and until when', async () => {
    const { jti, ...rest } = await verifyActionBearer({ keys, bearer: await mint(), nowMs: NOW_MS });
    expect(rest).toEqual({
      tenant: 'acme',
      token: ACTION_SUBJECT.tokenId,
      action: 'nightly-report',
      scope: ['chat:write', 'run:read'],
      aud: 'rubot-gateway/clients',
      iat: NOW_MS / 1_000,
      exp: NOW_MS / 1_000 + 300,
    });
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(CLAMPED)('asked for a life of %d s, gets %i s', async (ttlSeconds, given) => {
    const { iat, exp } = await verifyActionBearer({ keys, bearer: await mint(ttlSeconds), nowMs: NOW_MS });
    expect(exp - iat).toBe(given);
  });

  it.each([
    ['no token', { token: undefined }, /claims: token/],
    ['no action', { action: undefined }, /claims: action/],
    ['no scope', { scope: '' }, /claims: scope/],
    ['a scope twice', { scope: 'run:read run:read' }, /claims: scope/],
    ['a scope that is none', { scope: 'chat:write root' }, /claims: scope\.1$/],
  ])('is refused with %s', async (_name, payload, reason) => {
    const kind = KINDS.find(({ name }) => name === 'action bearer');
    if (kind === undefined) throw new Error('no such kind');
    expect(await reasonFor(kind, keys, await forge(keys, kind, { payload }))).toMatch(reason);
  });

  it('is refused in words that help who holds it and not who forged it', async () => {
    const refusal = await verifyActionBearer({ keys, bearer: 'x', nowMs: NOW_MS }).catch((error: unknown) => error);
    expect(RubotError.is(refusal) && refusal.message).toBe(
      'The bearer of this action is not valid here, or has expired. Redeem its handle again.',
    );
  });
});
