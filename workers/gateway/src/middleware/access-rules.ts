import { type ClientScope, coversScope } from '@rubot/contracts/scopes';
import { RubotError } from '@rubot/errors';
import type { Context, MiddlewareHandler, Next } from 'hono';
import type { Authority } from '../access/authority.ts';
import { refuseOnRecord } from '../access/refuse-on-record.ts';
import type { GatewayEnv } from '../context.ts';
import type { GatewayDeps } from '../deps.ts';

/** Who may use a route, as it stands in the route table; `access` says it to whoever reads the table. */
export interface AccessRule extends MiddlewareHandler<GatewayEnv> {
  readonly access: string;
}

export interface AccessRules {
  /** Tokens with the scope; the operator's chat source and the operator hold every scope. */
  scope(needed: ClientScope): AccessRule;
  /** As above, and of tokens those alone whose tenant the path names. */
  tenantScope(needed: ClientScope): AccessRule;
  /** Whoever has a good credential. */
  readonly anyClient: AccessRule;
  readonly chatSourceOnly: AccessRule;
  /** The token itself, and no bearer that was made of it. */
  readonly tokenOnly: AccessRule;
  readonly operatorOnly: AccessRule;
}

type Denial = { readonly reason: string; readonly message: string; readonly scope?: ClientScope } | undefined;

export function createAccessRules(deps: GatewayDeps): AccessRules {
  function rule(access: string, judge: (authority: Authority, c: Context<GatewayEnv>) => Denial): AccessRule {
    async function checkAccess(c: Context<GatewayEnv>, next: Next): Promise<void> {
      const denial = judge(c.get('authority'), c);
      if (denial === undefined) return next();
      const { message, ...details } = denial;
      return refuseOnRecord(c, deps, { action: 'access.refused', error: new RubotError('forbidden', message), details });
    }
    return Object.assign(checkAccess, { access });
  }

  return {
    scope: (needed) => rule(needed, (authority) => denyWithoutScope(authority, needed)),
    tenantScope: (needed) =>
      rule(
        `${needed} of the tenant`,
        (authority, c) => denyWithoutScope(authority, needed) ?? denyOtherTenant(authority, c.req.param('tenant')),
      ),
    anyClient: rule('any client', () => undefined),
    chatSourceOnly: rule('chat source', ({ kind }) =>
      kind === 'chat_source'
        ? undefined
        : {
            reason: 'not_the_chat_source',
            message: 'Only the chat source links senders, with the GATEWAY_API_KEY. Bind this one at /admin/identity-bindings.',
          },
    ),
    tokenOnly: rule('token', (authority) =>
      authority.kind === 'token' && authority.via === 'token'
        ? undefined
        : {
            reason: 'not_the_token',
            message: 'Only an API token itself gets bearers for its actions. Send Authorization: Bearer with the token.',
          },
    ),
    operatorOnly: rule('operator', ({ kind }) =>
      kind === 'operator'
        ? undefined
        : { reason: 'not_the_operator', message: 'This needs the ADMIN_API_KEY: it concerns more than one tenant.' },
    ),
  };
}

export function denyOtherTenant(authority: Authority, tenantId: string | undefined): Denial {
  if (authority.kind !== 'token' || authority.tenantId === tenantId) return undefined;
  return { reason: 'other_tenant', message: 'This API token is of another tenant. Ask for a token of the tenant that you mean.' };
}

function denyWithoutScope(authority: Authority, needed: ClientScope): Denial {
  if (authority.kind !== 'token') return undefined;
  if (authority.via === 'action' && needed.startsWith('admin:')) {
    return {
      reason: 'action_at_admin',
      scope: needed,
      message: 'The bearer of an action opens nothing under /admin. Send the API token itself.',
    };
  }
  if (coversScope(authority.scopes, needed)) return undefined;
  return {
    reason: 'missing_scope',
    scope: needed,
    message: `This needs the scope ${needed}, which the credential does not have. Ask for a token with it.`,
  };
}
