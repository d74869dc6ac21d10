import { z } from 'zod';

/** What a client may be allowed; `admin:*` stands for every scope, the others of `admin:` for one part of a tenant's administration. */
export const CLIENT_SCOPES = [
  'chat:write',
  'run:read',
  'run:write',
  'approval:submit',
  'trace:read',
  'admin:senders',
  'admin:tokens',
  'admin:access',
  'admin:connections',
  'admin:audit',
  'admin:*',
] as const;
export const ClientScope = z.enum(CLIENT_SCOPES);
export type ClientScope = z.infer<typeof ClientScope>;

/** As stored and as sent: no scope twice, at least one. */
export const ClientScopes = z
  .array(ClientScope)
  .min(1)
  .refine((scopes) => new Set(scopes).size === scopes.length, 'must not name a scope twice');

/** Whoever may change a run, or decide on its calls, has to see it. */
const IMPLIED: ReadonlyMap<string, readonly ClientScope[]> = new Map<ClientScope, readonly ClientScope[]>([
  ['run:write', ['run:read']],
  ['approval:submit', ['run:read']],
  ['admin:*', CLIENT_SCOPES],
]);

/** Whether one of the scopes held is the one needed, or stands above it. */
export function coversScope(held: readonly string[], needed: ClientScope): boolean {
  return held.some((scope) => scope === needed || IMPLIED.get(scope)?.includes(needed) === true);
}

/** Whether nothing is asked for that the scopes held do not cover. */
export function coversScopes(held: readonly string[], needed: readonly ClientScope[]): boolean {
  return needed.every((scope) => coversScope(held, scope));
}
