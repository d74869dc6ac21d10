import { z } from 'zod';
import { SenderId, SessionId, TenantId } from '../../ids.ts';

/** `POST /internal/sessions/resolve`: binds the session to its sender on first sight, then always answers the same. */
export const ResolveSessionRequest = z.object({
  session_id: SessionId,
  sender_id: SenderId,
  /** Where the caller's own tenant is known: a sender of another one is answered as one that is not linked, and gets no session. */
  tenant_id: TenantId.optional(),
});
export type ResolveSessionRequest = z.infer<typeof ResolveSessionRequest>;

/** An unlinked sender is an answer and not an error: the gateway turns it into words for a person. */
export const ResolveSessionResponse = z.discriminatedUnion('status', [
  z.looseObject({
    status: z.literal('linked'),
    tenant_id: TenantId,
    /** `null` means every registered agent; an empty list means none. */
    allowed_agents: z.array(z.string()).nullable(),
    /** Of the tenant. */
    limits: z.looseObject({}).optional(),
  }),
  z.looseObject({ status: z.literal('unlinked') }),
]);
export type ResolveSessionResponse = z.infer<typeof ResolveSessionResponse>;
