import { RubotError } from '@rubot/errors';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BearerKeys, importBearerKeys } from './keys.ts';
import { type BearerSubject, mintBearer } from './mint.ts';
import { TOKEN_ALGORITHM } from './signed-token.ts';
import { verifyBearer } from './verify.ts';

const SECRET = 'kJ8vQ2nX5bR9tY4wZ7mC1pL6dF3gH0sA';
const PREVIOUS = 'aP3oI9uY5tR1eW7qL2kJ8hG4fD6sZ0xC';
const NOW_MS = Date.UTC(2026, 0, 1);
const subject: BearerSubject = {
  tenantId: 'acme',
  sessionId: 'whatsapp:1',
  senderId: '+15550100',
  runId: `run_${'0a'.repeat(16)}`,
  scope: ['tools:read', 'tools:write'],
};

let keys: BearerKeys;
beforeAll(async () => {
  keys = await importBearerKeys({ current: SECRET, previous: undefined });
});

function mint(ttlSeconds = 300, nowMs = NOW_MS): Promise<string> {
  return mintBearer({ keys, subject, ttlSeconds, nowMs });
}

async function reasonFor(bearer: string, options: { keys?: BearerKeys; nowMs?: number } = {}): Promise<string | undefined> {
  try {
    await verifyBearer({ keys: options.keys ?? keys, bearer, nowMs: options.nowMs ?? NOW_MS });
    return undefined;
  } catch (error) {
    if (RubotError.is(error) && error.code === 'invalid_api_key') return error.operatorDetail;
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
  const claims = {
    tenant: 'acme',
    session: 's',
    sender: '+1',
    run: subject.runId,
    scope: 'tools:read',
    aud: 'rubot-middleware',
    jti: crypto.randomUUID(),
    iat,
    exp: iat + 300,
  };
  return new SignJWT({ ...claims, ...payload })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: 'rubot-data+jwt', kid: keys.current.keyId, ...header })
    .sign(new TextEncoder().encode(secret));
}

describe('data bearer', () => {
  it('carries who, in which run, what may be touched, and until when', async () => {
    const claims = await verifyBearer({ keys, bearer: await mint(), nowMs: NOW_MS });
    expect(claims).toMatchObject({
      tenant: 'acme',
      session: 'whatsapp:1',
      sender: '+15550100',
      run: subject.runId,
      scope: ['tools:read', 'tools:write'],
    });
    expect(claims.exp - claims.iat).toBe(300);
  });

  it.each([
    [1, 60],
    [60, 60],
    [900, 900],
    [86_400, 900],
  ])('clamps a life of %i s to %i s', async (asked, given) => {
    const claims = await verifyBearer({ keys, bearer: await mint(asked), nowMs: NOW_MS });
    expect(claims.exp - claims.iat).toBe(given);
  });

  it('accepts the former key while a secret is rotated, and not after', async () => {
    const former = await importBearerKeys({ current: PREVIOUS, previous: undefined });
    const bearer = await mintBearer({ keys: former, subject, ttlSeconds: 300, nowMs: NOW_MS });
    const rotating = await importBearerKeys({ current: SECRET, previous: PREVIOUS });
    expect(await reasonFor(bearer, { keys: rotating })).toBeUndefined();
    expect(await reasonFor(bearer)).toBe('unknown key id');
  });

  it.each<[string, Forgery, RegExp]>([
    ['another secret', { secret: PREVIOUS }, /SIGNATURE/],
    ['another type of token', { header: { typ: 'JWT' } }, /"typ"/],
    ['no type', { header: { typ: undefined } }, /"typ"/],
    ['another key id', { header: { kid: 'ffffffffffffffff' } }, /unknown key id/],
    ['another algorithm', { header: { alg: 'HS512' } }, /not a compact JWS|alg/i],
    ['another audience', { payload: { aud: 'rubot-orchestrator' } }, /"aud"/],
    ['no tenant', { payload: { tenant: undefined } }, /tenant/],
    ['a tenant that is a path', { payload: { tenant: '../acme' } }, /tenant/],
    ['no expiry', { payload: { exp: undefined } }, /exp/],
    ['a life of a day', { payload: { exp: NOW_MS / 1_000 + 86_400 } }, /lives 86400 s/],
    ['a life of a second', { payload: { exp: NOW_MS / 1_000 + 1 } }, /lives 1 s/],
    ['a birth in the future', { payload: { iat: NOW_MS / 1_000 + 60, exp: NOW_MS / 1_000 + 360 } }, /future/],
  ])('refuses a bearer with %s', async (_name, forgery, reason) => {
    expect(await reasonFor(await forge(forgery))).toMatch(reason);
  });

  it('refuses an expired one, and an unsigned one', async () => {
    expect(await reasonFor(await mint(60), { nowMs: NOW_MS + 66_000 })).toMatch(/EXPIRED/);
    const [, payload] = (await mint()).split('.');
    const header = btoa(JSON.stringify({ alg: 'none', typ: 'rubot-data+jwt', kid: keys.current.keyId })).replaceAll('=', '');
    expect(await reasonFor(`${header}.${payload}.`)).toBeDefined();
  });

  it('refuses every mutation of a good one, and never fails in another way', async () => {
    const good = await mint();
    const mutation = fc
      .tuple(fc.nat(good.length - 1), fc.constantFrom(...'ABCxyz019-_.=+/ \u00e9\0'))
      .map(([index, character]) => good.slice(0, index) + character + good.slice(index + 1));
    const anything = fc.oneof(
      mutation,
      fc.nat(good.length - 1).map((length) => good.slice(0, length)),
      fc.string(),
      fc.constant('a'.repeat(5_000)),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(anything, async (bearer) => {
        fc.pre(bearer !== good);
        expect(await reasonFor(bearer)).toBeDefined();
        refused += 1;
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(1_500);
  });
});
