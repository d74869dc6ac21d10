import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { deriveKey, deriveKeyId, encode, type JwsParts, signJws, signText } from './_jws.ts';

/** A kind of bearer, and one subject that may have it. */
export interface BearerKind {
  readonly type: string;
  readonly audience: string;
  readonly lifeSeconds: number;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims under which the right key opens nothing here: of another tenant, of a sender without one, without a scope. */
  readonly powerless: readonly Readonly<Record<string, unknown>>[];
}

export interface ForgeryOptions {
  readonly kind: BearerKind;
  readonly otherKinds: readonly BearerKind[];
  /** From which every key of bearers is derived. */
  readonly secret: string;
  /** From which keys were derived once. */
  readonly retiredSecret: string;
  /** Every other secret that an attacker may have got hold of. */
  readonly otherSecrets: readonly string[];
}

const ALGORITHMS = [
  'none',
  'None',
  'NONE',
  'nOnE',
  'HS384',
  'HS512',
  'hs256',
  'RS256',
  'ES256',
  'PS256',
  'EdDSA',
  '',
  null,
  0,
  ['HS256'],
  {},
];
/** Secrets of systems that had one unset, and of those that took anything for one. */
const WELL_KNOWN = ['', 'undefined', 'null', 'secret', 'changeme', '\0'.repeat(32), 'rubot', 'minted-bearer.v1|undefined'];
const RSA = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const ELSEWHERE = 'https://attacker.test/jwks.json';

/** A sound token of the kind, made with the right key. */
export function signSound(kind: BearerKind, secret: string, claims: Readonly<Record<string, unknown>> = {}): string {
  return signJws(toParts(kind, secret, claims), deriveKey(secret, kind.audience));
}

function toParts(kind: BearerKind, secret: string, claims: Readonly<Record<string, unknown>> = {}): JwsParts {
  const iat = Math.floor(Date.now() / 1_000);
  return {
    header: { alg: 'HS256', typ: kind.type, kid: deriveKeyId(secret, kind.audience) },
    claims: { ...kind.claims, aud: kind.audience, iat, exp: iat + kind.lifeSeconds, jti: crypto.randomUUID(), ...claims },
  };
}

/** What holders of the right key are refused is also written down, which takes the most time of all. */
const WEIGHTS: Readonly<Record<string, number>> = { 'spoiled text': 40, 'wrong key': 40, 'parts of two': 2, 'opens nothing': 1 };

/** Tokens of which none may open anything, each with a word on what it is. */
export function forgeriesOf(options: ForgeryOptions): fc.Arbitrary<{ readonly token: string; readonly what: string }> {
  const arbitraries: Record<string, fc.Arbitrary<string>> = {
    'spoiled text': spoiledText(options),
    'wrong key': signedByWrongKey(options),
    'confused algorithm': withConfusedAlgorithm(options),
    'key in the header': withKeyInHeader(options),
    'wrong time': withWrongTime(options),
    'other audience or kind': ofAnotherKind(options),
    'opens nothing': fc.constantFrom(...options.kind.powerless).map((claims) => signSound(options.kind, options.secret, claims)),
    'critical extension': withCriticalExtension(options),
    'said twice': saidTwice(options),
    'parts of two': ofTwo(options),
  };
  const weighted = Object.entries(arbitraries).map(([what, arbitrary]) => ({
    arbitrary: arbitrary.map((token) => ({ token, what })),
    weight: WEIGHTS[what] ?? 10,
  }));
  return fc.oneof(...weighted);
}

const character = fc.oneof(
  fc.constantFrom('.', '=', '-', '_', '+', '/', ' ', '%', '\t', '\0', '\r\n', '~', '"', '\u00a0', '\u202e', 'а', 'ａ', '💥', '\ud800'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'),
);

type Spoil = (text: string, at: number, added: string) => string;
const SPOILS: readonly Spoil[] = [
  (text, at, added) => text.slice(0, at) + added + text.slice(at + 1),
  (text, at, added) => text.slice(0, at) + added + text.slice(at),
  (text, at) => text.slice(0, at) + text.slice(at + 1),
  (text, at) => text.slice(0, at),
  (text, at) => text.slice(at),
  (text, at) => text.slice(0, at) + text.slice(at).toUpperCase(),
  (text, at) => text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2),
  (text) => `${text}=`,
  (text) => `${text}==`,
  (text) => `${text}.`,
  (text) => `.${text}`,
  (text) => `${text}\0`,
  (text) => `${text},${text}`,
  (text) => `${text}${text}`,
  (text) => `"${text}"`,
  (text) => `Bearer ${text}`,
  (text) => text.split('.').reverse().join('.'),
  (text) => text.split('.').slice(0, 2).join('.'),
  (text) => `${text.split('.').slice(0, 2).join('.')}.`,
  (text) => [...text.split('.'), text.split('.')[2]].join('.'),
  (text) => text.replaceAll('.', '%2e'),
  (text) => encodeURIComponent(encodeURIComponent(text)).replace(/\w/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
  (text) => [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  (text) =>
    text
      .split('.')
      .map((part) => Buffer.from(part, 'base64url').toString('base64'))
      .join('.'),
  (text) => Buffer.from(text).toString('base64url'),
  (text) => text.normalize('NFKD').replace(/[A-Z]/, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0)),
  respellLast(0),
  respellLast(1),
  respellLast(2),
];

/** The last letter of a part holds bits that a lax decoder ignores: another letter, and the same bytes. */
function respellLast(part: number): Spoil {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return (text, at) => {
    const parts = text.split('.');
    const last = parts[part] ?? '';
    const value = alphabet.indexOf(last.slice(-1));
    const spare = [1, 2, 3][at % 3] ?? 1;
    parts[part] = last.slice(0, -1) + (alphabet[value ^ spare] ?? '');
    return parts.join('.');
  };
}

/** Also for what is no JWS: each is another text than before, also once the wire has taken the blanks from around it. */
export function spoil(sound: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(sound, fc.constantFrom(...SPOILS), fc.nat(2_000), character)
    .map(([text, change, position, added]) => [text, change(text, position % text.length, added)] as const)
    .filter(([text, spoiled]) => spoiled.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '') !== text)
    .map(([, spoiled]) => spoiled);
}

function spoiledText({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const token = signSound(kind, secret);
  return spoil(fc.constant(token));
}

function signedByWrongKey({ kind, otherKinds, secret, retiredSecret, otherSecrets }: ForgeryOptions): fc.Arbitrary<string> {
  const keyId = deriveKeyId(secret, kind.audience);
  const keys: (Uint8Array | string)[] = [
    secret,
    retiredSecret,
    deriveKey(retiredSecret, kind.audience),
    ...otherKinds.map(({ audience }) => deriveKey(secret, audience)),
    ...otherSecrets.flatMap((other) => [other, deriveKey(other, kind.audience)]),
    ...['credentials', 'link-pins', 'audit-heads', ''].map((purpose) => deriveKey(secret, purpose)),
    ...WELL_KNOWN.flatMap((text) => [text, createHash('sha256').update(text).digest(), deriveKey(text, kind.audience)]),
    createHash('sha256').update(secret).digest(),
    keyId,
    Buffer.from(keyId, 'hex'),
    kind.audience,
  ];
  const keyIds: unknown[] = [
    keyId,
    keyId,
    keyId,
    deriveKeyId(retiredSecret, kind.audience),
    ...otherKinds.map(({ audience }) => deriveKeyId(secret, audience)),
    keyId.toUpperCase(),
    ...['', '../../dev/null', '__proto__', 'constructor', 'x'.repeat(2_000), "' or 1=1 --", null, [keyId], { toString: keyId }, undefined],
  ];
  return fc
    .tuple(
      fc.oneof(fc.constantFrom(...keys), fc.uint8Array({ minLength: 32, maxLength: 32 })),
      fc.constantFrom(...keyIds),
      fc.record({ tenant: fc.constantFrom(kind.claims['tenant'], 'tenant-b'), jti: fc.uuid() }),
    )
    .map(([key, kid, claims]) => {
      const parts = toParts(kind, secret, claims);
      return signJws({ ...parts, header: { ...parts.header, kid } }, key);
    });
}

function withConfusedAlgorithm({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const key = deriveKey(secret, kind.audience);
  return fc.tuple(fc.constantFrom(...ALGORITHMS), fc.constantFrom('right', 'none', 'rsa', 'sha512', 'sha384')).map(([alg, signature]) => {
    const parts = toParts(kind, secret);
    const header = { ...parts.header, alg };
    if (signature === 'none') return `${encode(JSON.stringify(header))}.${encode(JSON.stringify(parts.claims))}.`;
    if (signature === 'rsa') return signByRsa({ ...parts, header });
    return signJws({ ...parts, header }, key, signature === 'right' ? 'sha256' : signature);
  });
}

function signByRsa({ header, claims }: JwsParts): string {
  const text = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
  return `${text}.${sign('sha256', Buffer.from(text), RSA.privateKey).toString('base64url')}`;
}

/** A verifier that takes the key from where the token says verifies anything. */
function withKeyInHeader({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const own = Buffer.alloc(32, 7);
  const jwk = { kty: 'oct', k: own.toString('base64url'), alg: 'HS256' };
  const rsa = { ...RSA.publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' };
  const certificate = [RSA.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')];
  const headers = [{ jwk }, { jku: ELSEWHERE, kid: 'attacker' }, { x5u: ELSEWHERE }, { jwk, kid: undefined }, { zip: 'DEF' }];
  const rsaHeaders = [{ jwk: rsa }, { x5c: certificate }, { jku: ELSEWHERE }, { x5u: ELSEWHERE, kid: undefined }];
  const parts = toParts(kind, secret);
  return fc.oneof(
    fc.constantFrom(...headers).map((added) => signJws({ ...parts, header: { ...parts.header, ...added } }, own)),
    fc.constantFrom(...rsaHeaders).map((added) => signByRsa({ ...parts, header: { ...parts.header, alg: 'RS256', ...added } })),
  );
}

/** By the right key: what holds here is what is verified beside the signature. */
function withWrongTime({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const life = kind.lifeSeconds;
  const shifts = fc.oneof(
    fc.integer({ min: life + 10, max: 10 * 365 * 86_400 }).map((age) => ({ iat: -age, exp: life - age })),
    fc.integer({ min: 7_200, max: 10 * 365 * 86_400 }).map((ahead) => ({ iat: ahead, exp: ahead + life })),
    fc.integer({ min: 31 * 86_400, max: 100 * 365 * 86_400 }).map((long) => ({ iat: 0, exp: long })),
    fc.constantFrom({ iat: 0, exp: 0 }, { iat: 0, exp: -life }, { iat: -life - 10, exp: -10 }),
  );
  const odd = fc.constantFrom<Record<string, unknown>>(
    { exp: undefined },
    { iat: undefined },
    { exp: null },
    { exp: 'never' },
    { exp: '9999999999' },
    { exp: Number.MAX_SAFE_INTEGER },
    { exp: 1e308 },
    { exp: [9_999_999_999] },
    { exp: true },
    { iat: -1 },
    { nbf: 9_999_999_999 },
  );
  const changes = fc.oneof(
    shifts.map(({ iat, exp }) => (now: number) => ({ iat: now + iat, exp: now + exp })),
    odd.map((claims) => () => claims),
  );
  const key = deriveKey(secret, kind.audience);
  return changes.map((change) => {
    const parts = toParts(kind, secret);
    return signJws({ ...parts, claims: { ...parts.claims, ...change(Number(parts.claims['iat'])) } }, key);
  });
}

function ofAnotherKind({ kind, otherKinds, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const key = deriveKey(secret, kind.audience);
  const whole = otherKinds.map((other) => signSound(other, secret));
  const types = ['JWT', 'at+jwt', '', undefined, null, ...otherKinds.map(({ type }) => type)];
  const audiences = ['', '*', undefined, null, [], ['rubot'], 'rubot-agent-tables', ...otherKinds.map(({ audience }) => audience)];
  return fc.oneof(
    fc.constantFrom(...whole),
    fc.constantFrom(...types).map((typ) => {
      const parts = toParts(kind, secret);
      return signJws({ ...parts, header: { ...parts.header, typ } }, key);
    }),
    fc.constantFrom(...audiences).map((aud) => signSound(kind, secret, { aud })),
  );
}

/** RFC 7515 §4.1.11: an extension that must be understood, and is not, spoils the token. */
function withCriticalExtension({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const extensions = [
    { crit: ['exp'], exp: 1 },
    { crit: ['x-admin'], 'x-admin': true },
    { crit: [] },
    { crit: 'b64' },
    { crit: ['b64'], b64: false },
  ];
  return fc.constantFrom<Record<string, unknown>[]>(...extensions).map((extension) => {
    const parts = toParts(kind, secret);
    return signJws({ ...parts, header: { ...parts.header, ...extension } }, deriveKey(secret, kind.audience));
  });
}

/** JSON in which a name stands twice: two readers may read two things. */
function saidTwice({ kind, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const { header, claims } = toParts(kind, secret);
  const [head, body] = [JSON.stringify(header), JSON.stringify(claims)];
  const key = deriveKey(secret, kind.audience);
  return fc.constantFrom(
    signText(`${encode(head.replace('{', '{"alg":"none",').replace('"alg":"HS256"', '"alg":"none"'))}.${encode(body)}`, key),
    signText(`${encode(head)}.${encode(body.replace(/}$/, ',"tenant":"tenant-b"}'))}`, key),
    signText(`${encode(head)}.${encode(body.replace(/}$/, ',"aud":"rubot-elsewhere"}'))}`, key),
    signText(`${encode(head)}.${encode(body.replace(/}$/, ',"exp":1}'))}`, key),
    signText(`${encode(head)}.${encode(`[${body}]`)}`, key),
    signText(`${encode(head)}.${encode(JSON.stringify(body))}`, key),
    signText(`${encode(head)}.${encode(`\ufeff${body}x`)}`, key),
    signText(`${encode(`[${head}]`)}.${encode(body)}`, key),
    signText(`${encode(head)}.${encode('')}`, key),
    signText(`${encode(head)}.${encode('null')}`, key),
  );
}

/** Head, payload and signature of sound tokens, put together anew. */
function ofTwo({ kind, otherKinds, secret }: ForgeryOptions): fc.Arbitrary<string> {
  const own = signSound(kind, secret).split('.');
  const others = [signSound(kind, secret, { tenant: 'tenant-b' }), ...otherKinds.map((other) => signSound(other, secret))].map((token) =>
    token.split('.'),
  );
  return (
    fc
      .tuple(fc.constantFrom(...others), fc.constantFrom<number[][]>([0], [1], [2], [0, 1], [0, 2], [1, 2]))
      // Two heads of one kind are the same text, and leave the token whole.
      .map(([other, taken]) => own.map((part, index) => (taken.includes(index) ? (other[index] ?? '') : part)).join('.'))
      .filter((token) => token !== own.join('.'))
  );
}
