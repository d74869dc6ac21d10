import { RubotError } from '@rubot/errors';
import fc from 'fast-check';
import { decodeProtectedHeader, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GrantSubject, mintGrant, verifyGrant } from './grant.ts';
import { type BearerKeys, importBearerKeys } from './keys.ts';
import { mintBearer } from './mint.ts';
import { TOKEN_ALGORITHM } from './signed-token.ts';
import { verifyBearer } from './verify.ts';

const SECRET = 'kJ8vQ2nX5bR9tY4wZ7mC1pL6dF3gH0sA';
const PREVIOUS = 'aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC';
const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const subject: GrantSubject = { tenantId: 'acme', sessionId: 'whatsapp:1', senderId: '+15550100', runId: `run_${'0a'.repeat(16)}` };

let keys: BearerKeys;
beforeAll(async () => {
  keys = await importBearerKeys({ current: SECRET, previous: undefined });
});

async function reasonFor(grant: string, options: { keys?: BearerKeys; nowMs?: number } = {}): Promise<string | undefined> {
  return refusalOf('forbidden', () => verifyGrant({ keys: options.keys ?? keys, grant, nowMs: options.nowMs ?? NOW_MS }));
}

async function refusalOf(code: string, verify: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await verify();
    return undefined;
  } catch (error) {
    if (RubotError.is(error) && error.code === code) return error.operatorDetail;
    throw error;
  }
}

interface Forgery {
  readonly payload?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly secret?: string;
}

/** Signed with the right secret by default, so that each test shows the one guard it names. */
function forge({ payload, header, secret = SECRET }: Forgery): Promise<string> {
  const iat = NOW_MS / 1_000;
  const claims = { tenant: 'acme', session: 's', sender: '+1', run: subject.runId, aud: 'rubot-gateway/bearers', iat, exp: iat + 300 };
  return new SignJWT({ ...claims, ...payload })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: 'rubot-grant+jwt', kid: keys.current.keyId, ...header })
    .sign(new TextEncoder().encode(secret));
}

describe('grant', () => {
  it('says on whose behalf and for which run, for 30 days', async () => {
    const grant = await mintGrant({ keys, subject, nowMs: NOW_MS });
    const claims = await verifyGrant({ keys, grant, nowMs: NOW_MS });
    expect(claims).toMatchObject({ tenant: 'acme', session: 'whatsapp:1', sender: '+15550100', run: subject.runId });
    expect(await reasonFor(grant, { nowMs: NOW_MS + 30 * DAY_MS - 1_000 })).toBeUndefined();
    expect(await reasonFor(grant, { nowMs: NOW_MS + 30 * DAY_MS + 6_000 })).toMatch(/EXPIRED/);
  });

  it('is never taken for a data bearer, nor a data bearer for a grant', async () => {
    const grant = await mintGrant({ keys, subject, nowMs: NOW_MS });
    const bearer = await mintBearer({ keys, subject: { ...subject, scope: ['tools:read'] }, ttlSeconds: 300, nowMs: NOW_MS });
    expect(decodeProtectedHeader(grant).typ).not.toBe(decodeProtectedHeader(bearer).typ);
    expect(await refusalOf('invalid_api_key', () => verifyBearer({ keys, bearer: grant, nowMs: NOW_MS }))).toBeDefined();
    expect(await reasonFor(bearer)).toBeDefined();
  });

  it('accepts the former key while a secret is rotated, and not after', async () => {
    const former = await importBearerKeys({ current: PREVIOUS, previous: undefined });
    const grant = await mintGrant({ keys: former, subject, nowMs: NOW_MS });
    const rotating = await importBearerKeys({ current: SECRET, previous: PREVIOUS });
    expect(await reasonFor(grant, { keys: rotating })).toBeUndefined();
    expect(await reasonFor(grant)).toBe('unknown key id');
  });

  it.each<[string, Forgery, RegExp]>([
    ['another secret', { secret: PREVIOUS }, /SIGNATURE/],
    ['the type of a data bearer', { header: { typ: 'rubot-data+jwt' } }, /"typ"/],
    ['no type', { header: { typ: undefined } }, /"typ"/],
    ['the audience of a data bearer', { payload: { aud: 'rubot-middleware' } }, /"aud"/],
    ['another key id', { header: { kid: 'ffffffffffffffff' } }, /unknown key id/],
    ['another algorithm', { header: { alg: 'HS512' } }, /not a compact JWS|alg/i],
    ['no tenant', { payload: { tenant: undefined } }, /tenant/],
    ['a run that is a path', { payload: { run: '../run' } }, /run/],
    ['no expiry', { payload: { exp: undefined } }, /exp/],
    ['a life of 31 days', { payload: { exp: NOW_MS / 1_000 + 31 * 86_400 } }, /lives 2678400 s/],
    ['a birth in the future', { payload: { iat: NOW_MS / 1_000 + 60 } }, /future/],
  ])('is refused with %s', async (_name, forgery, reason) => {
    expect(await reasonFor(await forge(forgery))).toMatch(reason);
  });

  it('has one spelling: the last letter of a signature holds two bits that decoders ignore', async () => {
    const good = await mintGrant({ keys, subject, nowMs: NOW_MS });
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const accepted: string[] = [];
    for (const letter of letters) if ((await reasonFor(good.slice(0, -1) + letter)) === undefined) accepted.push(letter);
    expect(accepted).toEqual([good.at(-1)]);
  });

  it('is refused in every mutation of a good one, and in no other way', async () => {
    const good = await mintGrant({ keys, subject, nowMs: NOW_MS });
    const mutation = fc
      .tuple(fc.nat(good.length - 1), fc.constantFrom(...'ABCxyz019-_.=+/ \u00e9\0'))
      .map(([index, character]) => good.slice(0, index) + character + good.slice(index + 1));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutation, async (grant) => {
        fc.pre(grant !== good);
        expect(await reasonFor(grant)).toBeDefined();
        refused += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(refused).toBeGreaterThan(900);
  });
});
