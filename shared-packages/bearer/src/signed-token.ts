import type { ErrorCode } from '@rubot/contracts/error';
import { RubotError } from '@rubot/errors';
import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import type { z } from 'zod';
import type { BearerAudience, BearerKeys } from './keys.ts';

/** The moments between which a token is alive, in seconds since 1970. */
interface Lifetime {
  readonly iat: number;
  readonly exp: number;
}

/** What tells one kind of token from every other. */
export interface TokenKind<Schema extends z.ZodType<Lifetime>> {
  /** `typ` in the header: a token made for any other purpose is refused by it (RFC 8725 §3.11). */
  readonly type: string;
  readonly audience: BearerAudience;
  readonly claims: Schema;
  readonly minLifeSeconds: number;
  readonly maxLifeSeconds: number;
  /** What a caller is told of every token that is refused: the reason stays in the log, as one who forges learns nothing from us. */
  readonly refusal: { readonly code: ErrorCode; readonly message: string };
}

type AnyKind = TokenKind<z.ZodType<Lifetime>>;

const TOKEN_ALGORITHM = 'HS256';
/** Longest token that is looked at: a real one is under 1,000 characters. */
const MAX_TOKEN_CHARACTERS = 4_096;
/** Exactly one spelling of each token: the last letter of a 32-byte signature holds two bits that base64 decoders ignore. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]$/;
const CLOCK_TOLERANCE_SECONDS = 5;

export interface SignTokenOptions {
  readonly keys: BearerKeys;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Clamped to what the kind allows. */
  readonly lifeSeconds: number;
  readonly nowMs: number;
}

/** A compact JWS with the given claims, of a kind and for a time. */
export function signToken<Schema extends z.ZodType<Lifetime>>(
  kind: TokenKind<Schema>,
  { keys, claims, lifeSeconds, nowMs }: SignTokenOptions,
): Promise<string> {
  const iat = Math.floor(nowMs / 1_000);
  const { keyId, key } = keys[kind.audience].current;
  const exp = iat + Math.min(kind.maxLifeSeconds, Math.max(kind.minLifeSeconds, Math.floor(lifeSeconds)));
  return new SignJWT({ ...claims, aud: kind.audience, iat, exp })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: kind.type, kid: keyId })
    .sign(key);
}

export interface VerifyTokenOptions {
  readonly keys: BearerKeys;
  readonly token: string;
  readonly nowMs: number;
}

/**
 * The claims of a token of this kind that this deployment signed and that is alive.
 *
 * @throws RubotError the refusal of the kind, with the reason in `operatorDetail`
 */
export async function verifyToken<Schema extends z.ZodType<Lifetime>>(
  kind: TokenKind<Schema>,
  { keys, token, nowMs }: VerifyTokenOptions,
): Promise<z.output<Schema>> {
  if (token.length > MAX_TOKEN_CHARACTERS) throw refuse(kind, 'too long');
  if (!COMPACT_JWS.test(token)) throw refuse(kind, 'not a compact JWS');
  const payload = await verifySignature(kind, { keys, token, nowMs });
  const claims = kind.claims.safeParse(payload);
  if (!claims.success) throw refuse(kind, `claims: ${claims.error.issues.map((issue) => issue.path.join('.')).join(', ')}`);
  const { iat, exp } = claims.data;
  // The signer clamps too; refusing here means that no other signer can issue a token that lives longer.
  if (exp - iat < kind.minLifeSeconds || exp - iat > kind.maxLifeSeconds) throw refuse(kind, `lives ${exp - iat} s`);
  if (iat > nowMs / 1_000 + CLOCK_TOLERANCE_SECONDS) throw refuse(kind, 'issued in the future');
  return claims.data;
}

async function verifySignature(kind: AnyKind, { keys, token, nowMs }: VerifyTokenOptions): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, (header) => findKey(kind, keys, header), {
      algorithms: [TOKEN_ALGORITHM],
      typ: kind.type,
      audience: kind.audience,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (cause) {
    if (RubotError.is(cause)) throw cause;
    throw refuse(kind, cause instanceof errors.JOSEError ? `${cause.code}: ${cause.message}` : 'malformed', cause);
  }
}

function findKey(kind: AnyKind, keys: BearerKeys, header: JWTHeaderParameters | undefined): CryptoKey {
  const key = keys[kind.audience].byKeyId.get(header?.kid ?? '');
  if (key === undefined) throw refuse(kind, 'unknown key id');
  return key;
}

function refuse({ refusal }: AnyKind, operatorDetail: string, cause?: unknown): RubotError {
  return new RubotError(refusal.code, refusal.message, { operatorDetail, cause });
}
