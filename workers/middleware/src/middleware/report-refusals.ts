import { RubotError } from '@rubot/errors';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';

/** One line for each refusal, with the reason that the caller is not told. */
export function reportRefusals(): MiddlewareHandler<MiddlewareEnv> {
  return async function logRefusal(c, next) {
    await next();
    const failure = c.get('failure');
    if (!RubotError.is(failure)) return;
    const extra = { reason: failure.operatorDetail };
    if (failure.code === 'invalid_api_key') c.get('span').log('bearer.rejected', { extra });
    if (failure.code === 'forbidden') c.get('span').log('access.refused', { extra });
  };
}
