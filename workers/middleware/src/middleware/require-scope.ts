import type { BearerClaims, BearerScope } from '@rubot/contracts/bearer';
import type { MiddlewareHandler } from 'hono';
import type { MiddlewareEnv } from '../context.ts';
import { refuseBearer } from '../refusal.ts';

export function requireScope(scope: BearerScope): MiddlewareHandler<MiddlewareEnv> {
  return async function checkScope(c, next) {
    assertScope(c.get('claims'), scope);
    await next();
  };
}

/** @throws RubotError `forbidden` */
export function assertScope(claims: BearerClaims, scope: BearerScope): void {
  if (!claims.scope.includes(scope)) throw refuseBearer('scope_missing');
}
