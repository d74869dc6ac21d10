import type { BearerScope } from '@rubot/contracts/bearer';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import { refuseBearer } from '../refusal.ts';

/** Lets only a bearer pass that has one of the scopes. */
export function requireScope(...scopes: readonly BearerScope[]): MiddlewareHandler<MiddlewareEnv> {
  return async function checkScope(c, next) {
    if (!scopes.some((scope) => c.get('claims').scope.includes(scope))) throw refuseBearer('scope_missing');
    await next();
  };
}
