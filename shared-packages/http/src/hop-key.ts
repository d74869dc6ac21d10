import type { RotatingSecret } from '@rubot/config/variable';
import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import { matchesSecret } from './constant-time.ts';

/** The token of `Authorization: Bearer …`, or `undefined`. */
export function readBearerToken(headers: Headers): string | undefined {
  const match = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '');
  return match?.[1];
}

/** Lets a request pass that holds the shared key, current or previous; refuses every other with `invalid_api_key`. */
export function requireHopKey(secret: RotatingSecret, keyName: string): MiddlewareHandler {
  return async function checkHopKey(c, next) {
    const token = readBearerToken(c.req.raw.headers);
    if (token === undefined) {
      throw new RubotError('invalid_api_key', `No API key was sent. Send Authorization: Bearer with the ${keyName}.`);
    }
    if (!matchesSecret(token, secret)) {
      throw new RubotError('invalid_api_key', `The API key is not right. Send Authorization: Bearer with the ${keyName}.`);
    }
    await next();
  };
}
