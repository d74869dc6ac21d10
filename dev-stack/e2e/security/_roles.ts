import { ACTION_AUDIENCE, GRANT_AUDIENCE, MIDDLEWARE_AUDIENCE } from '@rubot/contracts/bearer';
import { HEADERS } from '@rubot/contracts/headers';
import { CLIENT_SCOPES, type ClientScope } from '@rubot/contracts/scopes';
import type { ModelStack } from '../_stack.ts';
import { type BearerKind, signSound } from './_forgeries.ts';
import type { TenantWorld } from './_world.ts';

/** Everybody who may come to a door, by a credential of which nothing else is assumed. */
export type Role =
  | 'nobody'
  | 'operator'
  | 'chat-a'
  | 'chat-b'
  | 'chat-unlinked'
  | `token-a/${ClientScope}`
  | 'token-b/admin:*'
  | 'token-a/revoked'
  | 'action-a'
  | 'data-a'
  | 'data-b'
  | 'grant-a'
  | 'hop-middleware'
  | 'hop-orchestrator'
  | 'metrics'
  | 'signing-secret'
  | 'encryption-secret';

export type Credentials = Readonly<Record<Role, Readonly<Record<string, string>>>>;

export const TOKENS_OF_A = CLIENT_SCOPES.map((scope) => `token-a/${scope}` as const);

/** Roles that belong to tenant A, or to nobody: none of them may ever see or change anything of B. */
export const STRANGERS_TO_B: readonly Role[] = [
  'nobody',
  'chat-a',
  'chat-unlinked',
  ...TOKENS_OF_A,
  'token-a/revoked',
  'action-a',
  'data-a',
  'grant-a',
];

interface Worlds {
  readonly a: TenantWorld;
  readonly b: TenantWorld;
}

export function toCredentials({ keys }: ModelStack, { a, b }: Worlds): Credentials {
  const chat = ({ sender, session }: Pick<TenantWorld, 'sender' | 'session'>) => ({
    ...bearer(keys.GATEWAY_API_KEY),
    [HEADERS.senderId]: sender,
    [HEADERS.sessionId]: session,
  });
  const signed = (world: TenantWorld, kind: 'data' | 'grant') => bearer(signSound(toKind(world, kind), keys.BEARER_SIGNING_SECRET));
  const tokens = CLIENT_SCOPES.map((scope) => [`token-a/${scope}`, bearer(a.tokens[scope].token)] as const);
  return {
    nobody: {},
    operator: bearer(keys.ADMIN_API_KEY),
    'chat-a': chat(a),
    'chat-b': chat(b),
    'chat-unlinked': chat({ sender: 'nobody-yet', session: 'nobodys-session' }),
    ...(Object.fromEntries(tokens) as Record<`token-a/${ClientScope}`, Record<string, string>>),
    'token-b/admin:*': bearer(b.tokens['admin:*'].token),
    'token-a/revoked': bearer(a.revoked.token),
    'action-a': bearer(a.actionBearer),
    'data-a': signed(a, 'data'),
    'data-b': signed(b, 'data'),
    'grant-a': signed(a, 'grant'),
    'hop-middleware': bearer(keys.MIDDLEWARE_API_KEY),
    'hop-orchestrator': bearer(keys.ORCHESTRATOR_API_KEY),
    metrics: bearer(keys.METRICS_API_KEY),
    'signing-secret': bearer(keys.BEARER_SIGNING_SECRET),
    'encryption-secret': bearer(keys.ENCRYPTION_SECRET),
  };
}

function bearer(credential: string): Record<string, string> {
  return { authorization: `Bearer ${credential}` };
}

const AUDIENCES = { data: MIDDLEWARE_AUDIENCE, grant: GRANT_AUDIENCE, action: ACTION_AUDIENCE };
const LIFE_SECONDS = { data: 900, grant: 86_400, action: 900 };

export function toKind({ tenant, sender, session, runId }: TenantWorld, kind: 'data' | 'grant'): BearerKind {
  return {
    type: `rubot-${kind}+jwt`,
    audience: AUDIENCES[kind],
    lifeSeconds: LIFE_SECONDS[kind],
    claims: { tenant, sender, session, run: runId, ...(kind === 'data' ? { scope: 'connections:read tools:read tools:write' } : {}) },
    powerless: [],
  };
}
