import fc from 'fast-check';
import { CompactSign, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BearerKeys, importBearerKeys } from '../src/keys.ts';
import { FORMER_SECRET, type Forgery, forge, KINDS, NOW_MS, NOW_SECONDS, reasonFor, SECRET } from './_kinds.ts';

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

let keys: BearerKeys;
let formerKeys: BearerKeys;
beforeAll(async () => {
  keys = await importBearerKeys({ current: SECRET, previous: undefined });
  formerKeys = await importBearerKeys({ current: FORMER_SECRET, previous: undefined });
});

describe.each(KINDS)('$name', (kind) => {
  const { minLifeSeconds, maxLifeSeconds } = kind;

  it('is taken as it was made, and for as long as it says', async () => {
    const token = await forge(keys, kind);
    expect(await reasonFor(kind, keys, token)).toBeUndefined();
    expect(await reasonFor(kind, keys, token, NOW_MS + 299_000)).toBeUndefined();
    expect(await reasonFor(kind, keys, token, NOW_MS + 306_000)).toMatch(/EXPIRED/);
  });

  it('forgives a clock that is five seconds behind, and no more', async () => {
    const early = await forge(keys, kind, { payload: { iat: NOW_SECONDS + 5, exp: NOW_SECONDS + 305 } });
    expect(await reasonFor(kind, keys, early)).toBeUndefined();
    const earlier = await forge(keys, kind, { payload: { iat: NOW_SECONDS + 6, exp: NOW_SECONDS + 306 } });
    expect(await reasonFor(kind, keys, earlier)).toMatch(/future/);
  });

  it('may live as long as its kind, at either end, and not a second otherwise', async () => {
    const living = (seconds: number) => forge(keys, kind, { payload: { exp: NOW_SECONDS + seconds } });
    expect(await reasonFor(kind, keys, await living(minLifeSeconds))).toBeUndefined();
    expect(await reasonFor(kind, keys, await living(maxLifeSeconds))).toBeUndefined();
    expect(await reasonFor(kind, keys, await living(minLifeSeconds - 1))).toBe(`lives ${minLifeSeconds - 1} s`);
    expect(await reasonFor(kind, keys, await living(maxLifeSeconds + 1))).toBe(`lives ${maxLifeSeconds + 1} s`);
  });

  it('is taken under the former secret while it is rotated, before and after the switch, and not once it is dropped', async () => {
    const [former, fresh] = await Promise.all([kind.mint(formerKeys), kind.mint(keys)]);
    const accepting = await importBearerKeys({ current: FORMER_SECRET, previous: SECRET });
    const switched = await importBearerKeys({ current: SECRET, previous: FORMER_SECRET });
    for (const rotating of [accepting, switched]) {
      expect(await reasonFor(kind, rotating, former)).toBeUndefined();
      expect(await reasonFor(kind, rotating, fresh)).toBeUndefined();
    }
    expect(await reasonFor(kind, formerKeys, await kind.mint(accepting))).toBeUndefined();
    expect(await reasonFor(kind, keys, await kind.mint(switched))).toBeUndefined();
    expect(await reasonFor(kind, keys, former)).toBe('unknown key id');
  });

  it.each<[string, Forgery, RegExp]>([
    ['another type', { header: { typ: 'JWT' } }, /"typ"/],
    ['no type', { header: { typ: undefined } }, /"typ"/],
    ['another key id', { header: { kid: 'ffffffffffffffff' } }, /unknown key id/],
    ['no key id', { header: { kid: undefined } }, /unknown key id/],
    ['an extension that must be understood', { header: { crit: ['x'], x: 1 } }, /./],
    ['another audience', { payload: { aud: 'rubot-orchestrator' } }, /"aud"/],
    ['several audiences', { payload: { aud: [kind.audience, 'rubot-orchestrator'] } }, /claims: aud/],
    ['no audience', { payload: { aud: undefined } }, /"aud"/],
    ['no tenant', { payload: { tenant: undefined } }, /claims: tenant/],
    ['a tenant that is a path', { payload: { tenant: '../acme' } }, /claims: tenant/],
    ['a token that is none', { payload: { token: 'tok_1' } }, /claims: token/],
    ['no birth', { payload: { iat: undefined } }, /iat/],
    ['no expiry', { payload: { exp: undefined } }, /exp/],
    ['an expiry that is text', { payload: { exp: String(NOW_SECONDS + 300) } }, /exp/],
    ['a start that is to come', { payload: { nbf: NOW_SECONDS + 60 } }, /"nbf"/],
  ])('is refused with %s', async (_name, forgery, reason) => {
    expect(await reasonFor(kind, keys, await forge(keys, kind, forgery).catch(() => signUnchecked(forgery)))).toMatch(reason);
  });

  /** What the signer of the library refuses to make. */
  function signUnchecked({ header }: Forgery): Promise<string> {
    const ring = keys[kind.audience].current;
    const payload = new TextEncoder().encode(
      JSON.stringify({ ...kind.claims, aud: kind.audience, iat: NOW_SECONDS, exp: NOW_SECONDS + 300 }),
    );
    return new CompactSign(payload)
      .setProtectedHeader({ alg: 'HS256', typ: kind.type, kid: ring.keyId, ...header })
      .sign(ring.key, { crit: { x: true } });
  }

  it('is refused when signed with another algorithm, with none, or with the secret itself', async () => {
    const claims = { ...kind.claims, aud: kind.audience, iat: NOW_SECONDS, exp: NOW_SECONDS + 300 };
    const header = { typ: kind.type, kid: keys[kind.audience].current.keyId };
    const secret = new TextEncoder().encode(SECRET);
    const sign = (alg: string) => new SignJWT(claims).setProtectedHeader({ ...header, alg }).sign(secret);
    expect(await reasonFor(kind, keys, await sign('HS256'))).toMatch(/SIGNATURE/);
    expect(await reasonFor(kind, keys, await sign('HS512'))).toBeDefined();
    const cut = (await sign('HS512')).slice(0, -43);
    expect(await reasonFor(kind, keys, cut)).toMatch(/"alg"|compact/);
    const [, payload] = (await forge(keys, kind)).split('.');
    expect(await reasonFor(kind, keys, `${toBase64Url({ ...header, alg: 'none' })}.${payload}.`)).toBe('not a compact JWS');
    expect(await reasonFor(kind, keys, `${toBase64Url({ ...header, alg: 'none' })}.${payload}.${'A'.repeat(43)}`)).toMatch(/"alg"/);
  });

  it.each(KINDS.filter((other) => other !== kind).map((other) => [other.name, other] as const))(
    'is no %s: not as it is, not renamed, and not with every header and claim of one',
    async (_name, other) => {
      const { current } = keys[other.audience];
      const disguise = { typ: other.type, kid: current.keyId };
      const disguises = [
        await kind.mint(keys),
        await forge(keys, kind, { header: disguise }),
        await forge(keys, other, { keysOf: kind.audience }),
        await forge(keys, other, { keysOf: kind.audience, header: { kid: keys[kind.audience].current.keyId } }),
      ];
      for (const token of disguises) expect(await reasonFor(other, keys, token)).toBeDefined();
      expect(await reasonFor(other, keys, disguises[2] ?? '')).toMatch(/SIGNATURE/);
      expect(await reasonFor(other, keys, disguises[3] ?? '')).toBe('unknown key id');
    },
  );

  it('has one spelling: the last letter of a signature holds two bits that decoders ignore', async () => {
    const good = await kind.mint(keys);
    const accepted: string[] = [];
    for (const letter of BASE64URL) if ((await reasonFor(kind, keys, good.slice(0, -1) + letter)) === undefined) accepted.push(letter);
    expect(accepted).toEqual([good.at(-1)]);
  });

  it('is refused with anything before or behind it', async () => {
    const good = await kind.mint(keys);
    for (const text of [` ${good}`, `=${good}`, `${good} `, `${good}A`, `${good}.`, `${good}\n`, `Bearer ${good}`]) {
      expect(await reasonFor(kind, keys, text)).toBe('not a compact JWS');
    }
  });

  it('is not even looked at when it is longer than any', async () => {
    const ofLength = async (length: number) => {
      const bare = (await forge(keys, kind, { payload: { filler: '' } })).length;
      // Three bytes are four letters; a header of another length fits in what is left.
      const filled = (more: number, pad: number) =>
        forge(keys, kind, { payload: { filler: 'x'.repeat(more) }, header: { pad: 'x'.repeat(pad) } });
      for (let more = Math.floor(((length - bare) * 3) / 4) - 30; ; more += 1) {
        for (let pad = 0; pad < 4; pad += 1) {
          const token = await filled(more, pad);
          if (token.length === length) return token;
        }
      }
    };
    expect(await reasonFor(kind, keys, await ofLength(4_096))).toBeUndefined();
    expect(await reasonFor(kind, keys, await ofLength(4_097))).toBe('too long');
  });

  it('is refused with every claim named that is wrong, for the operator', async () => {
    const wrong = await forge(keys, kind, { payload: { tenant: '', token: 'x' } });
    expect(await reasonFor(kind, keys, wrong)).toBe('claims: tenant, token');
  });

  it('is refused in every mutation of a good one, and in no other way', async () => {
    const good = await kind.mint(keys);
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
      fc.asyncProperty(anything, async (token) => {
        fc.pre(token !== good);
        expect(await reasonFor(kind, keys, token)).toBeDefined();
        refused += 1;
      }),
      { numRuns: 1_500 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });
});

function toBase64Url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
