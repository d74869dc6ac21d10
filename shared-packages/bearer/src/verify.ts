import { BEARER_MAX_TTL_SECONDS, BEARER_MIN_TTL_SECONDS, BearerClaims, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { RubotError } from '@rubot/errors';
import { errors, type JWTHeaderParameters, jwtVerify } from 'jose';
import { BEARER_ALGORITHM, BEARER_TYPE, type BearerKeys } from './keys.ts';

/** Longest bearer that is looked at: a real one is under 700 characters. */
const MAX_BEARER_CHARACTERS = 4_096;
/** Exactly one spelling of each bearer: the last letter of a 32-byte signature holds two bits that base64 decoders ignore. */
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]{42}[AEIMQUYcgkosw048]$/;
const CLOCK_TOLERANCE_SECONDS = 5;

export interface VerifyBearerOptions {
  readonly keys: BearerKeys;
  readonly bearer: string;
  readonly nowMs: number;
}

/**
 * The claims of a bearer that this deployment signed, that is alive and was meant for the middleware.
 *
 * @throws RubotError `invalid_api_key`; the reason is in `operatorDetail`, as a caller who forges learns nothing from us
 */
export async function verifyBearer({ keys, bearer, nowMs }: VerifyBearerOptions): Promise<BearerClaims> {
  if (bearer.length > MAX_BEARER_CHARACTERS) throw rejected('too long');
  if (!COMPACT_JWS.test(bearer)) throw rejected('not a compact JWS');
  const payload = await verifySignature(keys, bearer, nowMs);
  const claims = BearerClaims.safeParse(payload);
  if (!claims.success) throw rejected(`claims: ${claims.error.issues.map((issue) => issue.path.join('.')).join(', ')}`);
  const lifeSeconds = claims.data.exp - claims.data.iat;
  // The minter clamps too; refusing here means that no other minter can issue a bearer that lives for days.
  if (lifeSeconds < BEARER_MIN_TTL_SECONDS || lifeSeconds > BEARER_MAX_TTL_SECONDS) throw rejected(`lives ${lifeSeconds} s`);
  if (claims.data.iat > nowMs / 1_000 + CLOCK_TOLERANCE_SECONDS) throw rejected('issued in the future');
  return claims.data;
}

async function verifySignature(keys: BearerKeys, bearer: string, nowMs: number): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(bearer, (header) => findKey(keys, header), {
      algorithms: [BEARER_ALGORITHM],
      typ: BEARER_TYPE,
      audience: MIDDLEWARE_AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
      requiredClaims: ['tenant', 'session', 'sender', 'run', 'scope', 'jti', 'iat', 'exp'],
    });
    return payload;
  } catch (cause) {
    if (RubotError.is(cause)) throw cause;
    throw rejected(cause instanceof errors.JOSEError ? `${cause.code}: ${cause.message}` : 'malformed', cause);
  }
}

function findKey(keys: BearerKeys, header: JWTHeaderParameters | undefined): CryptoKey {
  const key = keys.byKeyId.get(header?.kid ?? '');
  if (key === undefined) throw rejected('unknown key id');
  return key;
}

function rejected(operatorDetail: string, cause?: unknown): RubotError {
  return new RubotError('invalid_api_key', 'The data bearer is not valid here, or has expired. Ask the gateway for a new one.', {
    operatorDetail,
    cause,
  });
}
