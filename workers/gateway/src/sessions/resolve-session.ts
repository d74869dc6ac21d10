import type { ResolveSessionRequest, ResolveSessionResponse } from '@rubot/contracts/sessions';
import { createMemory, type Memory } from '../access/memory.ts';
import type { MiddlewareClient } from '../clients/middleware.ts';

/** Asks whose a session is. @throws RubotError `forbidden` for a session that belongs to another sender */
export type SessionResolver = Memory<ResolveSessionRequest, ResolveSessionResponse>;

export type LinkedSession = Extract<ResolveSessionResponse, { status: 'linked' }>;

/** A new request is never refused from memory: one who has just been linked must not wait for a memory of the contrary to fade. */
export function createSessionResolver(middleware: Pick<MiddlewareClient, 'resolveSession'>): SessionResolver {
  return createMemory({
    ask: middleware.resolveSession,
    toKey: ({ sender_id, session_id, tenant_id }) => `${tenant_id ?? ''}\n${sender_id}\n${session_id}`,
    isGood: ({ status }) => status === 'linked',
    refusesFromMemory: false,
  });
}
